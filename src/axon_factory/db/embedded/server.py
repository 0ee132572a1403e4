"""Runs the embedded PostgreSQL and keeps it running."""

import asyncio
import random
import socket
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import structlog

from axon_factory.db.embedded.cluster import (
    Cluster,
    Memory,
    app_dsn,
    check_answers,
    owner_dsn,
    prepare_database,
)
from axon_factory.db.embedded.lock import DataDirLock, EmbeddedPostgresError, StartFailed
from axon_factory.db.embedded.postmaster import LogFile, PortTaken, Postmaster, clear_leftovers
from axon_factory.db.embedded.programs import (
    choose,
    find_installations,
    make_reachable,
    server_account,
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# Below the ports that systems give to outgoing connections, so that a short stop does not lose it.
_PORTS = range(20000, 30000)
_PORT_ATTEMPTS = 20
_LOG_CHECK_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_STABLE_SECONDS = 30.0


class EmbeddedPostgres:
    """A PostgreSQL server of our own, as a child of this process.

    It listens on loopback only, keeps its data, password, port and log in the data folder, ends
    with this process (Linux: even by kill -9), and is restarted when it dies. Start it on the main
    thread's event loop: the kernel ties it to the thread that started it.

    Args:
        data_dir: The data folder; created if missing.
        binaries: Folder of PostgreSQL's programs, 14 to 18; None for those of the wheel.
        port: The port to listen on; None for the one of the last start, or another if it is taken.
        lock: The caller's lock on the data folder; None to take one from start to stop.
        binaries_cache: Where root puts copies of programs that the server's user cannot reach.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        binaries: Path | None = None,
        port: int | None = None,
        lock: DataDirLock | None = None,
        binaries_cache: Path = Path("/var/cache/axon-factory"),
    ) -> None:
        self._cluster = Cluster(data_dir)
        self._binaries = binaries
        self._binaries_cache = binaries_cache
        self._wanted_port = port
        self._lock = lock or DataDirLock(self._cluster.data_dir)
        self._owns_lock = lock is None
        self._log_file = LogFile(self._cluster.data_dir / "postgresql.log")
        self._memory: Memory | None = None
        self._postmaster: Postmaster | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self.restarts = 0
        """How often the server died and was brought back since ``start``."""

    @property
    def dsn(self) -> str:
        """Address of the application's database for its owner; the same until ``stop``.

        Raises:
            RuntimeError: The server has not been started.
        """
        return owner_dsn(self.port, self._started().password)

    @property
    def app_dsn(self) -> str:
        """Address of the same for the program; `db.roles` says what it may do there.

        Raises:
            RuntimeError: The server has not been started.
        """
        return app_dsn(self.port, self._started().app_password)

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1.

        Raises:
            RuntimeError: The server has not been started.
        """
        port = self._started().port
        if port is None:
            raise RuntimeError("the server has not been started")
        return port

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, None while there is none."""
        return self._postmaster.pid if self._postmaster else None

    @property
    def log_path(self) -> Path:
        """The server's log; an older part may stand beside it with ".1" behind the name."""
        return self._log_file.path

    async def start(self) -> None:
        """Bring the server up, with role and database, and watch it from then on.

        Raises:
            BinariesMissing: No usable programs.
            DataDirUnwritable: The data folder cannot be used.
            DataDirHeld: Another process holds it.
            VersionMismatch: Its data is of another major version.
            StartFailed: The server does not come up.
        """
        if self._supervisor is not None:
            raise RuntimeError("the server has been started already")
        await asyncio.to_thread(self._lock.acquire)  # at once if the caller holds it
        try:
            await self._open()
        except BaseException:
            await self.stop()
            raise
        self._supervisor = asyncio.create_task(self._supervise(), name="embedded-postgres")

    async def stop(self) -> None:
        """Shut the server down and free the folder; does nothing when it is not running."""
        try:
            if self._supervisor is not None:
                self._supervisor.cancel()
                await asyncio.wait({self._supervisor})
        finally:
            self._supervisor = None
            try:
                if self._postmaster is not None:
                    await self._postmaster.end()
            finally:
                if self._owns_lock:
                    self._lock.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def _started(self) -> Memory:
        if self._memory is None:
            raise RuntimeError("the server has not been started")
        return self._memory

    async def _open(self) -> None:
        cluster = self._cluster
        major = cluster.major()
        installation = await make_reachable(
            choose(await find_installations(self._binaries), major, cluster.folder),
            server_account(cluster.folder),
            self._binaries_cache,
        )
        memory = await cluster.create(installation) if major is None else cluster.load()
        if memory is None:
            raise StartFailed(f"The passwords of {cluster.folder} are missing: restore them.")
        memory = memory.completed()
        account = cluster.adopt()
        await clear_leftovers(cluster.folder)
        self._postmaster = Postmaster(cluster, installation, account, self._log_file)
        port = await self._launch_somewhere(self._postmaster, memory.port)
        if port != memory.port:
            memory = cluster.save(replace(memory, port=port))
        try:
            if not memory.prepared:
                await prepare_database(port, memory)
                memory = cluster.save(replace(memory, prepared=True))
            await check_answers(port, memory)
        except psycopg.Error as error:
            raise StartFailed(f"PostgreSQL refuses us: {error}", self._log_file.tail()) from error
        self._memory = memory

    async def _launch_somewhere(self, postmaster: Postmaster, last_port: int | None) -> int:
        """Launch on the wanted port, else the last one, else any; return it."""
        if self._wanted_port is not None:
            await postmaster.launch(self._wanted_port)
            return self._wanted_port
        ports = random.sample(_PORTS, _PORT_ATTEMPTS)
        if last_port is not None:
            ports.insert(0, last_port)
        for port in filter(_is_free, ports):
            try:
                await postmaster.launch(port)
            except PortTaken:  # between the look and the launch
                continue
            return port
        raise StartFailed("No free TCP port was found on 127.0.0.1.")

    async def _supervise(self) -> None:
        """Bring the server back whenever it ends, for as long as this task lives."""
        postmaster = self._postmaster
        if postmaster is None:
            return
        pause = _FIRST_PAUSE_SECONDS
        while True:
            since = time.monotonic()
            exit_code = await self._watch(postmaster)
            if time.monotonic() - since > _STABLE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            _log.warning("embedded_postgres_died", exit_code=exit_code, restarts=self.restarts)
            pause = await self._revive(postmaster, pause)
            self.restarts += 1
            _log.info("embedded_postgres_restarted", pid=postmaster.pid, restarts=self.restarts)

    async def _watch(self, postmaster: Postmaster) -> int:
        """Wait for the server's end while keeping its log within bounds; return the exit code."""
        end = asyncio.create_task(postmaster.wait())
        try:
            while not end.done():
                await asyncio.wait({end}, timeout=_LOG_CHECK_SECONDS)
                await asyncio.to_thread(self._log_file.bound)
            return end.result()
        finally:
            end.cancel()

    async def _revive(self, postmaster: Postmaster, pause: float) -> float:
        """Try until the server is back, on the same port; return the next time's first pause."""
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            try:
                await clear_leftovers(self._cluster.folder)
                await postmaster.launch(self.port)
            except (EmbeddedPostgresError, OSError) as error:
                _log.error("embedded_postgres_restart_failed", error=str(error), next_try_in=pause)
            else:
                return pause


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As PostgreSQL itself: connections of the last life, still fading out, do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
