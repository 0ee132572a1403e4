"""`axon serve`: the API and the pages. And `standalone`: all parts of a factory as one process.

`axon up` runs `standalone`. Every other deployment has the same parts as processes of their own.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Annotated

import structlog
import typer
import uvicorn
import uvloop

from axon_factory.accounts import users
from axon_factory.api.http_protocol import ServerLimits, uvicorn_config
from axon_factory.bootstrap import Container
from axon_factory.cli.context import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    open_container,
    out,
    print_json,
    run,
    stop_signal,
)
from axon_factory.cli.first_administrator import add_administrator
from axon_factory.cli.local_access import local_access
from axon_factory.db.embedded import APP_ROLE, DataDirLock, DataDirUnwritable, EmbeddedPostgres
from axon_factory.db.migrate import migrate
from axon_factory.db.server import grant_app
from axon_factory.settings import Settings, load_settings


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("serve")(serve)


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen at (AXON_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen at (AXON_PORT).")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the API and the pages, on AXON_DATABASE_URL or on the database of a running `axon up`.

    Any number of these may share one database. Ctrl-C or SIGTERM lets running requests end.

    Example: axon serve --host 0.0.0.0 --port 8000
    """

    async def command() -> None:
        settings = load_settings(data_dir=data_dir, host=host, port=port)
        # Before the database is asked: a busy port is known at once.
        with bind(settings.host, settings.port) as listener:
            async with open_container(data_dir, host=host, port=port) as container:
                stop = stop_signal()
                where = f"http://{settings.host}:{settings.port}"
                with local_access(settings.data_dir, listener):  # before scripts are told
                    serving = serve_until(container, listener, stop)
                    if as_json:
                        print_json({"evento": "lista", "url": settings.base_url, "escucha": where})
                    else:
                        out.print(f"API y páginas en {settings.base_url}", soft_wrap=True)
                    await serving

    run(command, as_json=as_json, loop_factory=uvloop.new_event_loop)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a busy port is known before anything starts.

    Raises:
        CliError: the port is taken, or not this user's to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off only where it is: without
    # it every answer waits 40 ms for the reader's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CliError(
            Exit.PORT_BUSY,
            f"No se puede usar el puerto {port} de {host} ({error.strerror}): elige otro "
            "con --port",
        ) from None
    listener.listen(128)
    return listener


class _Server(uvicorn.Server):
    """Uvicorn, but the process's signals stay ours."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture nothing."""
        yield


async def serve_until(container: Container, listener: socket.socket, stop: asyncio.Event) -> None:
    """Answer requests at `listener` until `stop` is set; running requests get ten seconds."""
    from axon_factory.bootstrap.application import application_of  # noqa: PLC0415 — a second, which --help saves

    settings = container.settings
    limits = ServerLimits(settings.request_timeout_seconds, settings.keep_alive_seconds)
    server = _Server(uvicorn_config(application_of(container), limits))

    async def end() -> None:
        await stop.wait()
        await container.signals.close()  # live streams would hold the server open
        server.should_exit = True

    ending = asyncio.create_task(end())
    try:
        await server.serve([listener])
    finally:
        ending.cancel()


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
        lock.publish(url=settings.base_url)
        url = await _database(settings, lock, stack, tell)
        container = Container(settings, url)
        stack.push_async_callback(container.close)
        await _products(container, stack, tell)
        password = await _first_administrator(container)
        failure = await _serve(container, listener, stack)
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
    container: Container, listener: socket.socket, stack: AsyncExitStack
) -> asyncio.Future[None]:
    """Start the server and the worker; return what fails when either ends by itself."""
    stop = asyncio.Event()
    serving = asyncio.create_task(serve_until(container, listener, stop), name="api")
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
