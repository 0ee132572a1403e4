"""Bring a database to the newest schema."""

import asyncio
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from axon_factory.db.server import connected
from axon_factory.db.sessions import is_unavailable

_SCRIPTS = Path(__file__).parent / "migrations"
_VERSIONS = _SCRIPTS / "versions"

SchemaState = tuple[str | None, str]
"""(revision of the database or None when empty, newest revision of this program)."""


class MigrationFailed(Exception):
    """The server refused a migration and took it back whole; the message is a Spanish sentence."""


def newest_revision() -> str:
    """Return the newest revision of this program: the files of the migrations begin with theirs.

    Raises:
        RuntimeError: the package carries no migrations.
    """
    revisions = [file.name.partition("_")[0] for file in _VERSIONS.glob("[0-9]*_*.py")]
    if not revisions:
        raise RuntimeError("the package carries no migrations")
    return max(revisions)


def _current(url: str) -> str | None:
    with connected(url) as connection:
        if connection.execute("SELECT to_regclass('public.alembic_version')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return row[0] if row else None


def _upgrade(url: str) -> None:
    if _current(url) == newest_revision():
        return
    # Alembic takes 7 MB of a process: a database that is up to date does without.
    from alembic import command  # noqa: PLC0415 — see above
    from alembic.config import Config  # noqa: PLC0415 — see above

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["url"] = make_url(url).set(drivername="postgresql+psycopg")
    try:
        command.upgrade(config, "head")
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
    return await asyncio.to_thread(_current, url), newest_revision()
