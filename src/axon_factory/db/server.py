"""The database server: which versions are supported, and what the program's role may do (ADR 17).

The program's role is not the role that owns the tables and migrates them, because an owner can
switch triggers off.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

SUPPORTED_MAJORS = range(14, 19)
_NUMBERS_A_MAJOR = 10_000
"""`server_version_num` is 140023 for PostgreSQL 14.23 (documentation, "Preset Options")."""


class ServerUnsupported(Exception):
    """The server is of another version; the message is a Spanish sentence."""


def supported() -> str:
    """Return the supported versions for a sentence: "14 a 18"."""
    return f"{SUPPORTED_MAJORS.start} a {SUPPORTED_MAJORS.stop - 1}"


@contextmanager
def connected(url: str) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
    """Open a connection to a server of a tested version; it ends with the block.

    Raises:
        ServerUnsupported: it is older or newer than the supported ones.
        psycopg.OperationalError: it cannot be reached.
    """
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, connect_timeout=5) as connection:
        number = connection.info.server_version
        if number // _NUMBERS_A_MAJOR not in SUPPORTED_MAJORS:
            shown = connection.info.parameter_status("server_version") or str(number)
            raise ServerUnsupported(
                f"El servidor es PostgreSQL {shown}, y Axon Factory funciona con {supported()}: "
                "indica otro en AXON_DATABASE_URL"
            )
        yield connection


def check_server(url: str) -> None:
    """Refuse a server of an untested version. Takes one connection, no query.

    Raises:
        ServerUnsupported, psycopg.OperationalError: as in `connected`.
    """
    with connected(url):
        pass


APPEND_ONLY = ("audit_entries", "order_events")
"""What the program may add to and read, and never change; `erase_order_events` takes texts away."""

_READ_ONLY = ("alembic_version", "audit_heads", "feed_positions")
_CAN_ACT_AS_OWNER = """
    SELECT rolsuper OR pg_has_role(rolname, relowner, 'MEMBER')
    FROM pg_roles, pg_class WHERE rolname = %s AND pg_class.oid = 'public.audit_entries'::regclass
"""
_OWNS_TRAIL = """
    SELECT pg_has_role(current_user, relowner, 'MEMBER')
    FROM pg_class WHERE oid = to_regclass('public.audit_entries')
"""
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND pg_has_role(current_user, relowner, 'MEMBER')
"""


class RoleMissing(Exception):
    """The server has no such role."""


class RoleUnfit(Exception):
    """The role owns the tables, or could act as their owner or as a superuser."""


async def grant_app(url: str, role: str) -> None:
    """Give `role` the rights that the program needs on a migrated database, and take the others.

    Does the same however often it is done. Tables that later migrations make are granted too, and
    restricted by the next call, which follows each migration.

    Args:
        url: Of the database, for the role that owns its tables.
        role: An existing role.

    Raises:
        RoleMissing: it does not exist.
        RoleUnfit: no grant could keep it from altering the trail.
        psycopg.Error: the server refuses.
    """
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await (await connection.execute(_CAN_ACT_AS_OWNER, [role])).fetchone()
        if found is None:
            raise RoleMissing(role)
        if found[0]:
            raise RoleUnfit(role)
        rows = await (await connection.execute(_TABLES)).fetchall()
        for statement in _statements([name for (name,) in rows], role):
            await connection.execute(statement)


async def owns_trail(url: str) -> bool:
    """Return whether the role of `url` could alter the trail; False when there is none yet."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await (await connection.execute(_OWNS_TRAIL)).fetchone()
        return bool(found and found[0])


def _statements(tables: list[str], role: str) -> list[sql.Composed]:
    name = sql.Identifier(role)
    rest = [table for table in tables if table not in {*APPEND_ONLY, *_READ_ONLY}]
    plain = (
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}"),
        sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}"),
        # Positions are handed out by the function alone.
        sql.SQL("REVOKE ALL ON SEQUENCE public.audit_positions FROM {}"),
        sql.SQL("GRANT EXECUTE ON FUNCTION public.audit_head(text) TO {}"),
        # Takes the texts of an erased order's events away, and can do nothing else to them.
        sql.SQL("GRANT EXECUTE ON FUNCTION public.erase_order_events(uuid) TO {}"),
        sql.SQL(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public "
            "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}"
        ),
        sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {}"),
    )
    on_tables = (
        (tables, sql.SQL("REVOKE ALL ON {} FROM {}")),
        (rest, sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}")),
        (APPEND_ONLY, sql.SQL("GRANT SELECT, INSERT ON {} TO {}")),
        (_READ_ONLY, sql.SQL("GRANT SELECT ON {} TO {}")),
    )
    return [
        *(statement.format(_listed(some), name) for some, statement in on_tables),
        *(statement.format(name) for statement in plain),
    ]


def _listed(tables: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier("public", table) for table in tables)
