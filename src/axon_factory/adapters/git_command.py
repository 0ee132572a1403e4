"""Runs the git binary for adapters, deaf to configuration that is not ours.

Arguments go as a list, never through a shell; system and user configuration, hooks, prompts,
credential helpers and every transport but local files are off, and the environment is built from
nothing (threat A13: option, configuration and transport injection).
"""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from axon_factory.adapters.child_processes import end_group, start_group
from axon_factory.domain.failure import MachineTrouble, Trouble, trouble_of, trouble_said

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""What may name a repository; use with `fullmatch`."""

GIT_OPTIONS = (
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
"""What stands before the subcommand, so that no repository names a program to run."""
_ERROR_TAIL_CHARACTERS = 1000
_CHUNK_BYTES = 64 * 1024


class GitError(Exception):
    """git ended with an error or in no time; the message is the end of what it said.

    `trouble` is what of the machine was the reason, None where it was not.
    """

    def __init__(self, message: str, *, trouble: MachineTrouble | None = None) -> None:
        super().__init__(message)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class GitLimits:
    """What git may use on data of others.

    The first two hold where the program `prlimit` is (Linux).

    Attributes:
        memory_bytes: address space of each process.
        file_bytes: largest file that it writes.
        output_bytes: how much it may say on its standard output.
    """

    memory_bytes: int | None = None
    file_bytes: int | None = None
    output_bytes: int | None = None


_UNLIMITED = GitLimits()


async def run_git(
    arguments: Sequence[str],
    *,
    home: Path,
    repository: Path | None = None,
    configuration: Sequence[str] = (),
    keep_open: Sequence[int] = (),
    limits: GitLimits = _UNLIMITED,
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
        limits: what it may use; beyond it git is killed.
        timeout_seconds: wall-clock limit.

    Raises:
        GitError: no git on the PATH, an exit code other than 0, out of time, or beyond a limit.
    """
    command = [
        *_limited(limits),
        "git",
        *GIT_OPTIONS,
        *(part for item in configuration for part in ("-c", item)),
    ]
    if repository is not None:
        command.append(f"--git-dir={repository}")
    try:
        process = await start_group(
            *command,
            *arguments,
            cwd=home,
            env=git_environment(home),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=tuple(keep_open),
        )
    except OSError as error:
        trouble = trouble_of(error) or MachineTrouble(Trouble.FALTA_PROGRAMA, "git")
        raise GitError(f"git does not start: {error.strerror}", trouble=trouble) from error
    try:
        async with asyncio.timeout(timeout_seconds):
            output, errors = await _communicate(process, limits.output_bytes)
    except TimeoutError as error:
        # With limits it works on data of others, which may be made to take long.
        trouble = MachineTrouble(Trouble.SOBRECARGA, "git") if limits is _UNLIMITED else None
        said = f"git {arguments[0]} took more than {timeout_seconds:g} s"
        raise GitError(said, trouble=trouble) from error
    finally:
        if process.returncode is None:
            await end_group(process)
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip()[-_ERROR_TAIL_CHARACTERS:]
        trouble = _trouble(process.returncode or 0, said, limits)
        words = f"git {arguments[0]} ended with {process.returncode}: {said}"
        raise GitError(words, trouble=trouble)
    return output.decode(errors="replace")


def _trouble(code: int, said: str, limits: GitLimits) -> MachineTrouble | None:
    kind = trouble_said(said)
    if code == -signal.SIGKILL:
        kind = Trouble.SIN_MEMORIA
    if kind is Trouble.SIN_MEMORIA and limits.memory_bytes is not None:
        return None  # our own limit
    return MachineTrouble(kind, "git") if kind else None


def _limited(limits: GitLimits) -> list[str]:
    prlimit = shutil.which("prlimit")
    asked = {"as": limits.memory_bytes, "fsize": limits.file_bytes}
    words = [f"--{name}={value}" for name, value in asked.items() if value is not None]
    return [prlimit, *words] if prlimit and words else []


async def _communicate(
    process: asyncio.subprocess.Process, output_bytes: int | None
) -> tuple[bytes, bytes]:
    """Read both streams to their end.

    Raises:
        GitError: standard output is longer than `output_bytes`.
    """
    if output_bytes is None:
        return await process.communicate()
    if process.stdout is None or process.stderr is None:
        raise GitError("git has no output")
    complaints = asyncio.create_task(process.stderr.read())
    try:
        output = bytearray()
        while chunk := await process.stdout.read(_CHUNK_BYTES):
            output += chunk
            if len(output) > output_bytes:
                raise GitError(f"git said more than {output_bytes} bytes")
        errors = await complaints
    finally:
        complaints.cancel()
        await asyncio.wait({complaints})  # its pipe is free for the next reader
    await process.wait()
    return bytes(output), errors


def git_environment(home: Path) -> dict[str, str]:
    """Return the whole environment of a git that reads no configuration but ours.

    Args:
        home: an existing folder without configuration.
    """
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
