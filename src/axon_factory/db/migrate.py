"""Bring a database to the newest schema."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

__all__ = ["SchemaState", "migrate", "schema_state"]

_SCRIPTS = Path(__file__).parent / "migrations"

SchemaState = tuple[str | None, str]
"""(revision of the database or None when empty, newest revision of this program)."""


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
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": 5}
    )
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


async def migrate(url: str) -> SchemaState:
    """Run all missing migrations, each process waiting for another that does; return the state.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot be reached.
    """
    await asyncio.to_thread(command.upgrade, _config(url), "head")
    return await schema_state(url)


async def schema_state(url: str) -> SchemaState:
    """Return where the database stands and where this program wants it."""
    return await asyncio.to_thread(_current, url), _head()
