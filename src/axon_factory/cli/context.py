"""What commands share that run a factory or look at its machine: settings, logs, the open factory.

Logs go to standard error, so that standard output stays the answer. Other commands are clients
(`client.py`), and import nothing of this.
"""

import asyncio
import getpass
import logging
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import structlog
from rich.console import Console
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.adapters.product_runtime import RuntimeInstallError
from axon_factory.bootstrap import Container
from axon_factory.cli.terminal import CliError, DataDirOption, Exit, JsonOption, print_json
from axon_factory.db.audit import append_audit
from axon_factory.db.embedded import (
    DataDirHeld,
    DataDirUnwritable,
    EmbeddedPostgresError,
    read_dsn,
    read_holder,
)
from axon_factory.db.migrate import MigrationFailed, schema_state
from axon_factory.db.server import ServerUnsupported
from axon_factory.db.sessions import is_unavailable
from axon_factory.domain.audit import ACCESS_CHAIN, AuditEntry, Fact
from axon_factory.domain.errors import AxonError, ValidationFailed
from axon_factory.domain.permissions import Action, Grant, Principal, Role
from axon_factory.settings import Settings, SettingsInvalid, load_settings

_FILE_BYTES = 8 * 1024 * 1024
_OLDER_FILES = 3
_LIBRARIES = ("procrastinate", "uvicorn", "sqlalchemy", "psycopg", "alembic", "asyncio", "httpx2")


def configure_logging(settings: Settings, file: Path | None = None) -> None:
    """Send every log line, the libraries' too, to `file` or standard error.

    Libraries speak from warnings on, unless the level is debug.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if file is not None:
        handler = RotatingFileHandler(
            file, maxBytes=_FILE_BYTES, backupCount=_OLDER_FILES, encoding="utf-8"
        )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=file is None and sys.stderr.isatty(),
                # The pretty one shows local variables: slow, and secrets may be among them.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for name in _LIBRARIES:
        quiet = logging.NOTSET if settings.log_level == "debug" else logging.WARNING
        logging.getLogger(name).setLevel(quiet)


__all__ = [
    "CliError",
    "DataDirOption",
    "Exit",
    "JsonOption",
    "as_served",
    "configure_logging",
    "database_url",
    "local_principal",
    "open_container",
    "out",
    "print_json",
    "record",
    "run",
    "stop_signal",
]

Result = TypeVar("Result")

out = Console()


def local_principal() -> Principal:
    """Return the person at this machine: an administrator, recorded by their system name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "desconocido"
    return Principal(f"local:{name}", name, Role.ADMIN, Grant.ADMIN)


def run(
    command: Callable[[], Coroutine[Any, Any, Result]],
    *,
    as_json: bool = False,  # noqa: ARG001 — failures are written where the program ends
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Result:
    """Run an asynchronous command. `loop_factory` makes another event loop than asyncio's own.

    Raises:
        CliError: a known failure, with the sentence and the code that end the process.
    """
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(command())
    except Exception as error:
        failure = _failure_of(error)
        if failure is None:
            raise
        raise failure from None


async def database_url(settings: Settings, *, owner: bool = False) -> str:
    """Return the URL of the configured database, or of the one that `axon up` runs here.

    The second is for the program's role, with `owner` for the role that owns the tables.

    Raises:
        CliError: there is neither, or the configured one is no URL of a PostgreSQL.
    """
    if settings.database_url is not None:
        return _checked_url(settings.database_url.get_secret_value())
    url = await asyncio.to_thread(read_dsn, settings.data_dir, owner=owner)
    if url is None:
        raise CliError(
            Exit.NOT_RUNNING,
            f"No hay una fábrica en marcha sobre {settings.data_dir}: inicia `axon up` o define "
            "AXON_DATABASE_URL",
        )
    return url


@asynccontextmanager
async def open_container(
    data_dir: Path | None = None, **overrides: object
) -> AsyncGenerator[Container]:
    """Open the factory on its database, whose schema must be this program's.

    `overrides` are settings that the command line gives; None leaves the environment's.

    Raises:
        CliError: there is no database, or its schema is another one.
    """
    settings = load_settings(data_dir=data_dir, **overrides)
    configure_logging(settings)
    url = await database_url(settings)
    if settings.public_url is None and settings.database_url is None and not overrides:
        settings = await asyncio.to_thread(as_served, settings)
    current, newest = await schema_state(url)
    if current != newest:
        raise CliError(
            Exit.SCHEMA_OUTDATED,
            f"La base de datos está en la revisión {current or 'vacía'} y este programa usa la "
            f"{newest}: ejecuta `axon migrate`",
        )
    container = Container(settings, url)
    try:
        yield container
    finally:
        await container.close()


def as_served(settings: Settings) -> Settings:
    """Return the settings with the address at which `axon up` serves: links in mails name it."""
    url = (read_holder(settings.data_dir) or {}).get("url")
    return settings.model_copy(update={"public_url": url}) if url else settings


def stop_signal() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set from now on, instead of ending the process."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


_EXITS: tuple[tuple[type[Exception], Exit], ...] = (
    (SettingsInvalid, Exit.SETTINGS),
    (DataDirUnwritable, Exit.DATA_DIR_UNWRITABLE),
    (DataDirHeld, Exit.DATA_DIR_HELD),
    (EmbeddedPostgresError, Exit.EMBEDDED_POSTGRES),
    (RuntimeInstallError, Exit.PRODUCT_RUNTIME),
    (ServerUnsupported, Exit.DATABASE_UNSUPPORTED),
    (MigrationFailed, Exit.FAILED),
)


def _failure_of(error: Exception) -> CliError | None:
    if isinstance(error, CliError):
        return error
    for kind, code in _EXITS:
        if isinstance(error, kind):
            return CliError(code, _held(error) if isinstance(error, DataDirHeld) else str(error))
    if isinstance(error, ValidationFailed):
        fields = "; ".join(f"{name}: {text}" for name, text in error.details.items())
        return CliError(Exit.REFUSED, fields, _keys(error))
    if isinstance(error, AxonError):
        sentence = error.message or error.extra.get("mensaje") or error.title
        return CliError(Exit.REFUSED, str(sentence), _keys(error))
    if isinstance(error, OSError) and error.filename is not None:
        return CliError(
            Exit.DATA_DIR_UNWRITABLE, f"No se puede usar {error.filename}: {error.strerror}"
        )
    if isinstance(error, BrokenPipeError):
        return None  # the reader of the output has gone: Typer ends the process quietly
    if is_unavailable(error):
        return CliError(Exit.DATABASE_UNREACHABLE, _unreachable(error))
    return None


def _keys(error: AxonError) -> dict[str, Any]:
    """Return what the API would answer to a program beside the sentence."""
    return {**error.extra, "codigo": error.codigo}


def _checked_url(url: str) -> str:
    try:
        known = make_url(url).get_backend_name() == "postgresql"
    except (ArgumentError, ValueError):
        known = False
    if not known:
        # Without the value, which may hold a password.
        raise CliError(
            Exit.SETTINGS,
            "AXON_DATABASE_URL debe tener la forma postgresql://usuario:clave@servidor:5432/base",
        )
    return url


def _held(error: DataDirHeld) -> str:
    who = f"el proceso {error.pid}" if error.pid else "otro proceso"
    where = f", que responde en {error.url}" if error.url else ""
    return f"La carpeta de datos la tiene {who}{where}: detenlo o elige otra con --data-dir"


def _unreachable(error: Exception) -> str:
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()
    return f"La base de datos no responde: {cause[0] if cause else type(error).__name__}"


async def record(
    session: AsyncSession,
    action: Action,
    *,
    order_id: UUID | None = None,
    subject: str | None = None,
    details: Mapping[str, Fact] | None = None,
    principal: Principal | None = None,
) -> None:
    """Record, in the transaction of the act, that it was done from the command line.

    Without `order_id` it is an act on `subject`: "user:…", "key:…", "token:…". Without `principal`
    it is an act of the person at the machine.
    """
    entry = AuditEntry.by(
        principal or local_principal(),
        action,
        chain=ACCESS_CHAIN if order_id is None else str(order_id),
        subject=subject,
        details={"ruta": "axon", **(details or {})},
    )
    await append_audit(session, entry)
