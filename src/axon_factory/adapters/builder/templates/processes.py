"""Child processes of a building session: each in a group of its own, gone with the task."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Completed", "Processes"]


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
        starting = asyncio.create_task(
            asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(environment),
                cwd=directory,
                start_new_session=True,
            )
        )
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Cancelled itself, it would kill one process of the group or wait for ever.
            process = await starting
            _kill(process)
            await process.communicate()
            raise
        running = self._running.setdefault(session, set())
        running.add(process)
        try:
            async with asyncio.timeout(timeout):
                stdout, stderr = await process.communicate(stdin)
        except BaseException:
            _kill(process)
            await asyncio.shield(process.wait())
            raise
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
            _kill(process)


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
