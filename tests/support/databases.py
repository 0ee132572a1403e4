"""Databases for tests: copies of a migrated one, in memory where the machine has room for them.

A copy is 350 files of 10 MB in all; on a disk making it takes ten times as long as in memory, and
dropping it, which takes a checkpoint, longer still.
"""

import contextlib
import os
import shutil
from collections.abc import AsyncGenerator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from axon_factory.db.sessions import Database

__all__ = [
    "GIVEN_SERVER",
    "WipedDatabase",
    "copied_database",
    "empty_database",
    "folder_in_memory",
]

GIVEN_SERVER = "AXON_TEST_DATABASE_URL"
"""Names the server that tests use instead of one of their own."""
_MEMORY = Path("/dev/shm")  # noqa: S108 — Linux's file system in memory; what lies here is a test's
_ROOM_BYTES = 2 << 30


def folder_in_memory() -> str | None:
    """Return a folder in memory with room for a server's databases, None where there is none."""
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _ROOM_BYTES:
        return None
    return str(_MEMORY)


@contextlib.asynccontextmanager
async def empty_database(server_url: str) -> AsyncGenerator[str]:
    """Make a database without any table and yield its URL; it ends with the block."""
    name = f"empty_{uuid4().hex}"
    await _execute(server_url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield _with_database(server_url, name)
    finally:
        await _drop(server_url, name)


@contextlib.asynccontextmanager
async def copied_database(server_url: str, template: str) -> AsyncGenerator[str]:
    """Make a copy of the database `template` and yield its URL; it ends with the block."""
    in_memory = GIVEN_SERVER not in os.environ and folder_in_memory() is not None
    name = f"test_{uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}{}").format(
        sql.Identifier(name),
        sql.Identifier(template),
        # Elsewhere its own choice: WAL_LOG since PostgreSQL 15, and 14 knows no strategies.
        sql.SQL(" STRATEGY FILE_COPY" if in_memory else ""),
    )
    await _execute(server_url, create)
    try:
        yield _with_database(server_url, name)
    finally:
        if in_memory:  # on a disk it goes with its server, which is quicker
            await _drop(server_url, name)


async def _drop(server_url: str, name: str) -> None:
    # Not WITH (FORCE), which is refused while an autovacuum worker, a superuser's, is in there;
    # without it PostgreSQL ends that worker itself.
    leave = sql.SQL(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = {} AND backend_type = 'client backend'"
    ).format(sql.Literal(name))
    await _execute(server_url, leave)
    await _execute(server_url, sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _with_database(url: str, name: str) -> str:
    head, _, _ = url.rpartition("/")
    return f"{head}/{name}"


async def _execute(url: str, statement: sql.Composed) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement)


class WipedDatabase:
    """A copy of the migrated database that tests use one after another, each finding it as new.

    The pool's connections stay open: PostgreSQL and SQLAlchemy know every statement already, so
    that the life of an order takes half the time that it takes in a new copy. What several tests
    begin with is kept once and restored, which takes a twentieth of making it.
    """

    def __init__(self, url: str) -> None:
        """`url` is the copy's. Nothing but this writes there before `prepare`."""
        self.url = url
        self.pool_url = f"{url}?application_name={_POOL}"
        """For another pool that stays open between tests."""
        self.database = Database(self.pool_url)
        self.database.url = url  # what a test connects by itself does not bear the pool's name
        self.kept: dict[str, Any] = {}
        """What tests note of the contents that they have kept, by their names."""
        self._tables: tuple[str, ...] = ()
        self._columns: dict[str, str] = {}
        self._guarded = frozenset[str]()
        self._contents: dict[str, str] = {}
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None

    async def prepare(self) -> None:
        """Note the rows that the migrations have made; `wipe` restores them."""
        async with self._alone() as connection:
            order = TopologicalSorter[str](
                {name: set[str]() for name in await _names(connection, _TABLES)}
            )
            for table, referenced in await (await connection.execute(_REFERENCES)).fetchall():
                order.add(table, referenced)
            self._tables = tuple(order.static_order())
            self._columns = dict(await (await connection.execute(_COLUMNS)).fetchall())
            self._guarded = frozenset(await _names(connection, _GUARDED))
        await self.keep("as_migrated")

    async def keep(self, name: str) -> None:
        """Keep what the database contains now, for `restore`."""
        async with self._alone() as connection:
            await connection.execute(f"CREATE SCHEMA {name}".encode())
            statements: list[str] = []
            for table in self._tables:
                (filled,) = await _names(connection, f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608 — the name is the catalogue's
                if filled:
                    columns = self._columns[table]
                    rows = f"SELECT {columns} FROM"
                    await connection.execute(
                        f"CREATE TABLE {name}.{table} AS {rows} {table}".encode()
                    )
                    load = (
                        f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
                        f" {rows} {name}.{table};"
                    )
                    statements.append(self._untriggered(table, load))
            for sequence, last in await (await connection.execute(_SEQUENCES)).fetchall():
                value = f"{last or 1}, {str(last is not None).lower()}"
                statements.append(f"PERFORM setval('{sequence}', {value});")
            self._contents[name] = " ".join(statements)

    async def restore(self, name: str) -> None:
        """Replace what the database contains by what was kept, sequences too."""
        removals: list[str] = []
        for table in reversed(self._tables):
            remove = self._untriggered(table, f"DELETE FROM {table};")  # noqa: S608 — as above
            removals.append(f"IF EXISTS (SELECT FROM {table}) THEN {remove} END IF;")
        script = f"DO $restore$ BEGIN {' '.join(removals)} {self._contents[name]} END $restore$"
        async with self._alone() as connection:
            await connection.execute(script.encode())

    async def wipe(self) -> None:
        """End what the last test has left open, and leave what the migrations have made."""
        for attempt in range(_ATTEMPTS):
            async with self._alone() as connection:
                await connection.execute(_LEAVE, [_POOL])
            try:
                await self.restore("as_migrated")
            except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
                if attempt == _ATTEMPTS - 1:  # tasks of a test that failed still write
                    raise
            else:
                return

    def _untriggered(self, table: str, statement: str) -> str:
        """Return `statement` with the table's own triggers off: they guard, number and notify."""
        if table not in self._guarded:
            return statement
        off, on = (f"ALTER TABLE {table} {word} TRIGGER USER;" for word in ("DISABLE", "ENABLE"))
        return f"{off} {statement} {on}"

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncGenerator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        """Yield a connection beside the pool; it stays open, because a new one knows no table."""
        if self._connection is not None:
            try:
                await self._connection.execute("SELECT 1")
            except psycopg.OperationalError:  # a test has ended it
                self._connection = None
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
        yield self._connection

    async def close(self) -> None:
        """Close all connections."""
        if self._connection is not None:
            await self._connection.close()
        await self.database.dispose()


_POOL = "axon-wiped"
_ATTEMPTS = 10
_LEAVE = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
      AND pid <> pg_backend_pid() AND (application_name <> %s OR state <> 'idle')
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
_COLUMNS = """
    SELECT table_name, string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
    WHERE table_schema = 'public' AND is_generated = 'NEVER' GROUP BY table_name
"""
_GUARDED = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
_REFERENCES = """
    SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
    WHERE contype = 'f' AND conrelid <> confrelid
"""


async def _names(connection: psycopg.AsyncConnection[tuple[Any, ...]], query: str) -> list[Any]:
    """Return the first column of what `query` finds."""
    return [row[0] for row in await (await connection.execute(query.encode())).fetchall()]
