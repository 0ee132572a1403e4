"""All parts of a factory on one machine, as `axon up` runs them.

Every other deployment has the same parts as processes of their own.
"""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvloop

from axon_factory.accounts import users
from axon_factory.bootstrap import Container
from axon_factory.cli.context import configure_logging, run
from axon_factory.cli.first_administrator import add_administrator
from axon_factory.cli.local_access import local_access
from axon_factory.cli.processes import Fork, Processes, fork_of
from axon_factory.cli.serve import answer_until_stopped, bind, load_application, serve_until
from axon_factory.db.embedded import APP_ROLE, DataDirLock, DataDirUnwritable, EmbeddedPostgres
from axon_factory.db.migrate import migrate
from axon_factory.db.server import grant_app
from axon_factory.settings import Settings

_log = structlog.get_logger(__name__)
_ADMIN_EMAIL = "admin@axon88.com"


@dataclass(frozen=True, slots=True)
class Standalone:
    """A factory that is up. `admin_password` is set the one time that the account was made."""

    container: Container
    failure: asyncio.Future[None]
    """Fails when the server or the worker ends by itself."""
    admin_email: str
    admin_password: str | None


@asynccontextmanager
async def standalone(settings: Settings, tell: Callable[[str], None]) -> AsyncGenerator[Standalone]:
    """Bring everything up, and take everything down when the block ends.

    `tell` gets a sentence for each thing that takes time.

    Raises:
        CliError, EmbeddedPostgresError, RuntimeInstallError: it cannot be brought up.
    """
    async with AsyncExitStack() as stack:
        lock = stack.enter_context(DataDirLock(settings.data_dir))
        listener = stack.enter_context(bind(settings.host, settings.port))
        forks = None
        if settings.processes > 1:
            # Before there is a thread or a child: a fork has them only in part.
            forks = _ForkedApi(settings, listener, lock)
            stack.push_async_callback(forks.end)
        lock.publish(url=settings.base_url)
        url = await _database(settings, lock, stack, tell)
        container = Container(settings, url)
        stack.push_async_callback(container.close)
        await _products(container, stack, tell)
        password = await _first_administrator(container)
        api = serve_until if forks is None else forks.serve_until
        failure = await _serve(container, listener, stack, api)
        stack.enter_context(local_access(settings.data_dir, listener))
        yield Standalone(container, failure, _ADMIN_EMAIL, password)


def make_data_folder(settings: Settings) -> None:
    """Create the data folder.

    Raises:
        DataDirUnwritable: it cannot be created.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataDirUnwritable(
            f"No se puede crear la carpeta {settings.data_dir} ({error.strerror}): elige otra con "
            "--data-dir"
        ) from None


async def _database(
    settings: Settings, lock: DataDirLock, stack: AsyncExitStack, tell: Callable[[str], None]
) -> str:
    """Return the address of the migrated database for the program."""
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        await migrate(url)
        return url
    tell("Iniciando PostgreSQL")
    server = EmbeddedPostgres(settings.data_dir, binaries=settings.pg_bin, lock=lock)
    await stack.enter_async_context(server)
    await migrate(server.dsn)
    await grant_app(server.dsn, APP_ROLE)
    return server.app_dsn


async def _products(
    container: Container, stack: AsyncExitStack, tell: Callable[[str], None]
) -> None:
    if not container.runtime.is_ready():
        tell("Instalando el entorno de los productos")
        await container.runtime.install(lambda line: _log.info("product runtime", line=line))
    stack.push_async_callback(container.deployer.stop_all)
    for product in await container.deployer.start_all():
        tell(f"Producto {product.slug}: {product.state} en {product.url}")


async def _first_administrator(container: Container) -> str | None:
    """Create the administrator of an empty factory; return the password, to be shown once."""
    async with container.database.reading() as session:
        if await users.list_all(session):
            return None
    _, password = await add_administrator(container, _ADMIN_EMAIL, "Administración")
    return password


async def _serve(
    container: Container,
    listener: socket.socket,
    stack: AsyncExitStack,
    api: Callable[[Container, socket.socket, asyncio.Event], Coroutine[Any, Any, None]],
) -> asyncio.Future[None]:
    """Start the server and the worker; return what fails when either ends by itself."""
    stop = asyncio.Event()
    serving = asyncio.create_task(api(container, listener, stop), name="api")
    working = asyncio.create_task(container.worker().run(stop), name="worker")
    failure = asyncio.get_running_loop().create_future()

    def ended(task: asyncio.Task[None]) -> None:
        if failure.done() or stop.is_set():
            return
        cause = None if task.cancelled() else task.exception()
        failure.set_exception(cause or RuntimeError(f"{task.get_name()} ended by itself"))

    for task in (serving, working):
        task.add_done_callback(ended)

    async def shut_down() -> None:
        stop.set()
        await asyncio.gather(serving, working, return_exceptions=True)
        if failure.done():
            failure.exception()

    stack.push_async_callback(shut_down)
    return failure


_END_SECONDS = 30.0
"""After which processes of the API are killed: they end by themselves within twenty."""


class _ForkedApi:
    """The API as processes of its own, which begin before the database does.

    The first of them keeps the others at work. It waits for the database's address, and ends with
    this process, whatever ends it: it reads a pipe that this process holds open. It is in a process
    group of its own, so that Ctrl-C reaches this process alone.
    """

    def __init__(self, settings: Settings, listener: socket.socket, lock: DataDirLock) -> None:
        """Start the first process; `listener` is closed in this one."""
        load_application()
        told, self._tell = os.pipe()
        self._end, theirs = os.pipe()
        self._over: asyncio.Future[None] | None = None

        def keep() -> int:
            os.setpgid(0, 0)
            lock.disown()
            for mine in (self._tell, self._end):
                os.close(mine)
            configure_logging(settings, _api_log(settings))
            url = os.read(told, _LONGEST_URL).decode()
            if not url:
                return 0  # the factory does not come up
            works = Processes(
                settings.processes,
                listener,
                lambda fork: _answer(settings, url, fork),
                parent=told,
            )
            return works.run(lambda: None)

        self._pid = fork_of(keep)
        for other in (told, theirs):
            os.close(other)
        listener.close()

    async def serve_until(
        self, container: Container, _listener: socket.socket, stop: asyncio.Event
    ) -> None:
        """Answer requests until `stop` is set; returns earlier if the processes end themselves."""
        with suppress(BrokenPipeError):  # they have ended, which is noticed next
            os.write(self._tell, container.database.url.encode())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({self._ended(), stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        await self.end()

    async def end(self) -> None:
        """Let requests end that run, and wait for the processes."""
        if self._tell < 0:
            return
        os.close(self._tell)
        self._tell = -1
        try:
            async with asyncio.timeout(_END_SECONDS):
                await asyncio.shield(self._ended())
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
        await asyncio.to_thread(os.waitpid, self._pid, 0)

    def _ended(self) -> asyncio.Future[None]:
        """Return what is done when none of the processes holds its pipe open."""
        if self._over is None:
            loop = asyncio.get_running_loop()
            over = self._over = loop.create_future()

            def end() -> None:
                loop.remove_reader(self._end)
                os.close(self._end)
                over.set_result(None)

            loop.add_reader(self._end, end)
        return self._over


_LONGEST_URL = 4096


def _api_log(settings: Settings, number: int | None = None) -> Path:
    """Return where processes of the API log: one file each, which each may replace by a new one."""
    name = "api.log" if number is None else f"api-{number}.log"
    return settings.data_dir / "logs" / name


def _answer(settings: Settings, url: str, fork: Fork) -> None:
    async def command() -> None:
        container = Container(settings, url)
        try:
            await answer_until_stopped(container, fork.listener, fork)
        finally:
            await container.close()

    configure_logging(settings, _api_log(settings, fork.number))
    run(command, loop_factory=uvloop.new_event_loop)
