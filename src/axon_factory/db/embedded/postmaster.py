"""One life of the server process: launched, ready, ended."""

import asyncio
import signal
import time
from contextlib import suppress
from pathlib import Path

from axon_factory.db.embedded.account import Account
from axon_factory.db.embedded.binaries import Installation
from axon_factory.db.embedded.cluster import Cluster
from axon_factory.db.embedded.errors import StartFailed
from axon_factory.db.embedded.log_file import LogFile
from axon_factory.db.embedded.processes import cluster_mark
from axon_factory.db.embedded.programs import spawn

_MAX_CONNECTIONS = 100
_START_SECONDS = 300.0  # crash recovery may have much to replay
_MEMORY_HELD_SECONDS = 15.0
_POLL_SECONDS = 0.01
_MEMORY_PAUSE_SECONDS = 0.25
# Fast shutdown with its checkpoint, then without one, then by force.
_END_LADDER = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

_PORT_TAKEN = "Address already in use"
# Children of a killed server hold its memory for a moment, unseen by us in another container.
_MEMORY_HELD = "pre-existing shared memory block"


class PortTaken(StartFailed):
    """Somebody else listens on the port."""


class Postmaster:
    """The server process of a cluster.

    Args:
        cluster: Its data.
        installation: Programs that ``account`` can run, of the data's version.
        account: Whom it runs as; None for the present user.
        log_file: What it writes to.
    """

    def __init__(
        self,
        cluster: Cluster,
        installation: Installation,
        account: Account | None,
        log_file: LogFile,
    ) -> None:
        self._cluster = cluster
        self._program = str(installation.bin / "postgres")
        self._account = account
        self._log_file = log_file
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, None while it does not run."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def launch(self, port: int) -> None:
        """Start the process and wait until it takes connections.

        Args:
            port: To listen on, on 127.0.0.1.

        Raises:
            PortTaken: Somebody else listens there.
            StartFailed: It ended or was not ready in time.
        """
        deadline = time.monotonic() + _MEMORY_HELD_SECONDS
        while True:
            try:
                await self._launch_once(port)
            except StartFailed as error:
                held = any(_MEMORY_HELD in line for line in error.log_tail)
                if not held or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_MEMORY_PAUSE_SECONDS)
            else:
                return

    async def wait(self) -> int:
        """Wait for its end and return the exit code, negative for a signal."""
        return await self._process.wait() if self._process else 0

    async def end(self) -> None:
        """Shut it down, more and more firmly; does nothing when it does not run."""
        process = self._process
        if process is None:
            return
        for number, patience in _END_LADDER:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.send_signal(number)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), patience)
                return

    async def _launch_once(self, port: int) -> None:
        self._log_file.bound()
        log_start = self._log_file.size()
        with self._log_file.open() as output:
            self._process = await spawn(
                [self._program, *self._arguments(port)],
                self._account,
                folder=self._cluster.folder,
                output=output,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready(self._process.pid):
            if self._process.returncode is not None:
                raise self._failure("PostgreSQL does not start.", port, log_start)
            if time.monotonic() > deadline:
                await self.end()
                raise self._failure("PostgreSQL does not get ready.", port, log_start)
            await asyncio.sleep(_POLL_SECONDS)

    def _arguments(self, port: int) -> list[str]:
        """Settings that must hold whatever the cluster's own files say."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": _MAX_CONNECTIONS,
            "cluster_name": cluster_mark(self._cluster.folder),
            "logging_collector": "off",
            "log_destination": "stderr",
            "lc_messages": "C",  # failures are recognised by their text
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ["-D", self._cluster.path_for_server, *options]

    def _is_ready(self, pid: int) -> bool:
        """Read what pg_ctl reads: the last line of the pid file (miscadmin.h, LOCK_FILE_LINE)."""
        try:
            lines = Path(self._cluster.folder, "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return bool(lines) and lines[0] == str(pid) and lines[-1].strip() == "ready"

    def _failure(self, message: str, port: int, log_start: int) -> StartFailed:
        tail = self._log_file.tail(log_start)
        if any(_PORT_TAKEN in line for line in tail):
            return PortTaken(f"Port {port} on 127.0.0.1 is taken by another program.", tail)
        return StartFailed(message, tail)
