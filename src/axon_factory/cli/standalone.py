"""A whole factory on one machine: database, API, pages, worker and products, as one process.

This is what `axon up` runs; every other deployment has the same parts as processes of their own.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from axon_factory.accounts import users
from axon_factory.accounts.passwords import generate_password
from axon_factory.bootstrap import Factory
from axon_factory.cli.recording import record
from axon_factory.cli.serve import bind, serve_until
from axon_factory.db.embedded import APP_ROLE, DataDirLock, DataDirUnwritable, EmbeddedPostgres
from axon_factory.db.migrate import migrate
from axon_factory.db.server import grant_app
from axon_factory.domain.permissions import Action, Role
from axon_factory.settings import Settings

_log = structlog.get_logger(__name__)
_ADMIN_EMAIL = "admin@axon88.com"


@dataclass(frozen=True, slots=True)
class Standalone:
    """A factory that is up. `admin_password` is set the one time that the account was made."""

    factory: Factory
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
        factory = Factory(settings, url)
        stack.push_async_callback(factory.close)
        await _products(factory, stack, tell)
        password = await _first_administrator(factory)
        failure = await _serve(factory, listener, stack)
        yield Standalone(factory, failure, _ADMIN_EMAIL, password)


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


async def _products(factory: Factory, stack: AsyncExitStack, tell: Callable[[str], None]) -> None:
    if not factory.runtime.is_ready():
        tell("Instalando el entorno de los productos")
        await factory.runtime.install(lambda line: _log.info("product runtime", line=line))
    stack.push_async_callback(factory.deployer.stop_all)
    for product in await factory.deployer.start_all():
        tell(f"Producto {product.slug}: {product.state} en {product.url}")


async def _first_administrator(factory: Factory) -> str | None:
    """Create the administrator of an empty factory; return the password, to be shown once."""
    async with factory.database.reading() as session:
        if await users.list_all(session):
            return None
    password = generate_password()
    password_hash = await factory.passwords.hash(password)
    async with factory.database.transaction("first_administrator") as session:
        user = await users.create(
            session,
            email=_ADMIN_EMAIL,
            name="Administración",
            role=Role.ADMIN,
            password_hash=password_hash,
            must_change_password=True,
        )
        await record(session, Action.MANAGE_USERS, subject=f"user:{user.id}")
    return password


async def _serve(
    factory: Factory, listener: socket.socket, stack: AsyncExitStack
) -> asyncio.Future[None]:
    """Start the server and the worker; return what fails when either ends by itself."""
    stop = asyncio.Event()
    serving = asyncio.create_task(serve_until(factory, listener, stop), name="api")
    working = asyncio.create_task(factory.worker().run(stop), name="worker")
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
