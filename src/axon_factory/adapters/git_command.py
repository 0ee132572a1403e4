"""Runs the git binary for adapters, deaf to configuration that is not ours.

Arguments go as a list, never through a shell; system and user configuration, hooks, prompts,
credential helpers and every transport but local files are off, and the environment is built from
nothing (threat A13: option, configuration and transport injection).
"""

import asyncio
import os
import re
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["SLUG", "GitError", "run_git"]

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""What may name a repository; use with `fullmatch`."""

_OPTIONS = (
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "credential.helper=",
    "-c",
    "submodule.recurse=false",
    # Nothing may go on running, or remove objects that a slow reader still needs.
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
)  # fmt: skip — an option and its value stand on one line
_ERROR_TAIL_CHARACTERS = 1000


class GitError(Exception):
    """git ended with an error or in no time; the message is the end of what it said."""


async def run_git(
    arguments: Sequence[str],
    *,
    home: Path,
    repository: Path | None = None,
    configuration: Sequence[str] = (),
    keep_open: Sequence[int] = (),
    timeout_seconds: float = 60.0,
) -> str:
    """Run ``git <arguments>`` and return its standard output.

    Cancelling the task, or running out of time, kills git and what it started.

    Args:
        arguments: the subcommand and its arguments, one element each.
        home: an existing folder without configuration; git's HOME and working folder.
        repository: the git directory to work on (``--git-dir``).
        configuration: further ``name=value`` settings for this run.
        keep_open: file descriptors that git inherits, such as a lock that must outlive us.
        timeout_seconds: wall-clock limit.

    Raises:
        GitError: no git on the PATH, an exit code other than 0, or out of time.
    """
    command = ["git", *_OPTIONS, *(part for item in configuration for part in ("-c", item))]
    if repository is not None:
        command.append(f"--git-dir={repository}")
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            *arguments,
            cwd=home,
            env=_environment(home),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=tuple(keep_open),
            start_new_session=True,
        )
    except OSError as error:
        raise GitError(f"git does not start: {error.strerror}") from error
    try:
        async with asyncio.timeout(timeout_seconds):
            output, errors = await process.communicate()
    except TimeoutError as error:
        raise GitError(f"git {arguments[0]} took more than {timeout_seconds:g} s") from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip()[-_ERROR_TAIL_CHARACTERS:]
        raise GitError(f"git {arguments[0]} ended with {process.returncode}: {said}")
    return output.decode(errors="replace")


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file",
        # A repository's own configuration could name a program to fetch missing objects with.
        "GIT_NO_LAZY_FETCH": "1",
    }
