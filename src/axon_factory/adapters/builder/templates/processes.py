"""Child processes of a building session: each in a group of its own, gone with the task."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from axon_factory.adapters.child_processes import kill_group, start_group


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
        process = await start_group(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            cwd=directory,
        )
        running = self._running.setdefault(session, set())
        running.add(process)
        try:
            async with asyncio.timeout(timeout):
                stdout, stderr = await process.communicate(stdin)
        except BaseException:
            kill_group(process)
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
            kill_group(process)
