"""Bring a database to the newest schema."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from axon_factory.db.server import check_server
from axon_factory.db.sessions import is_unavailable

_SCRIPTS = Path(__file__).parent / "migrations"

SchemaState = tuple[str | None, str]
"""(revision of the database or None when empty, newest revision of this program)."""


class MigrationFailed(Exception):
    """The server refused a migration and took it back whole; the message is a Spanish sentence."""


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["url"] = make_url(url).set(drivername="postgresql+psycopg")
    return config


def _head() -> str:
    script = ScriptDirectory(str(_SCRIPTS))
    head = script.get_current_head()
    if head is None:
        raise RuntimeError("the package carries no migrations")
    return head


def _current(url: str) -> str | None:
    check_server(url)
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": 5}
    )
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def _upgrade(url: str) -> None:
    check_server(url)
    try:
        command.upgrade(_config(url), "head")
    except DBAPIError as error:
        if is_unavailable(error):
            raise
        said = str(error.orig).strip().partition("\n")[0]
        raise MigrationFailed(
            f"PostgreSQL rechazó la migración que sigue a la revisión {_current(url) or 'vacía'}: "
            f"{said}. No quedó nada a medias: corrige la causa y ejecuta `axon migrate` de nuevo"
        ) from error


async def migrate(url: str) -> SchemaState:
    """Run all missing migrations, each process waiting for another that does; return the state.

    Each migration is one transaction.

    Raises:
        ServerUnsupported: the server's version is not supported; nothing was done.
        MigrationFailed: the server refused a migration; those before it are done.
        sqlalchemy.exc.OperationalError, psycopg.OperationalError: the database cannot be reached.
    """
    await asyncio.to_thread(_upgrade, url)
    return await schema_state(url)


async def schema_state(url: str) -> SchemaState:
    """Return where the database stands and where this program wants it.

    Raises:
        ServerUnsupported: the server's version is not supported.
    """
    return await asyncio.to_thread(_current, url), _head()
