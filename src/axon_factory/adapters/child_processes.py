"""Starts and ends a program as a group of processes: none is left behind by a cancelled task."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any


async def start_group(
    *command: str | Path,
    **options: Any,  # noqa: ANN401 — the options of asyncio
) -> asyncio.subprocess.Process:
    """Start `command` in a session of its own, with `options` of `create_subprocess_exec`.

    A cancellation that comes before the process is there kills the whole group. asyncio itself
    would then kill one process of the group, or wait for ever.

    Raises:
        OSError: the program cannot be started.
    """
    known = _known_to_the_loop(options)
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(*command, start_new_session=True, **known)
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await end_group(await starting)
        raise


def _known_to_the_loop(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options for the running loop: uvloop, which serves the API, has no `umask`."""
    if "umask" not in options or isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop):
        return options
    rest = {name: value for name, value in options.items() if name != "umask"}
    return {**rest, "preexec_fn": partial(os.umask, options["umask"])}


def kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill a process of `start_group` with its group, unless it has ended by itself."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@asynccontextmanager
async def group(
    *command: str | Path,
    **options: Any,  # noqa: ANN401 — the options of asyncio
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Start `command` by :func:`start_group`; at the end of the block its group is killed.

    Raises:
        OSError: the program cannot be started.
    """
    process = await start_group(*command, **options)
    try:
        yield process
    finally:
        await end_group(process)


async def end_group(process: asyncio.subprocess.Process) -> bytes:
    """Kill the group, wait until the process is gone, and return the rest of its standard error.

    No other task may read its pipes meanwhile.
    """
    kill_group(process)
    if process.stdin is not None:
        process.stdin.close()
    # Both pipes to their end: asyncio does not see a process end while one of them is full.
    _, complaints = await asyncio.shield(process.communicate())
    return complaints or b""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a process ended. `stderr` is the end of it, for people."""

    exit_code: int
    stdout: bytes
    stderr: str


class Processes:
    """The processes that run now, by session."""

    def __init__(self) -> None:
        self._running: dict[str, set[asyncio.subprocess.Process]] = {}

    async def run(
        self,
        session: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        directory: Path,
        stdin: bytes = b"",
        timeout: float,  # noqa: ASYNC109 — the limit belongs to the process, which it kills
    ) -> Completed:
        """Run a command to its end; when the task is cancelled, its whole group is killed.

        Raises:
            TimeoutError: it took longer than `timeout` seconds and was killed.
            OSError: it cannot be started.
        """
        async with group(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            cwd=directory,
        ) as process:
            running = self._running.setdefault(session, set())
            running.add(process)
            try:
                async with asyncio.timeout(timeout):
                    stdout, stderr = await process.communicate(stdin)
            finally:
                running.discard(process)
                if not running:
                    self._running.pop(session, None)
        return Completed(
            process.returncode or 0, stdout, stderr[-4096:].decode(errors="replace").strip()
        )

    def kill(self, session: str) -> None:
        """Kill what a session runs."""
        for process in self._running.get(session, ()):
            kill_group(process)
