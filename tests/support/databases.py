"""Databases for tests: copies of a migrated one, in memory where the machine has room for them.

A copy is 350 files of 10 MB in all; on a disk making it takes ten times as long as in memory, and
dropping it, which takes a checkpoint, longer still.
"""

import contextlib
import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

__all__ = ["GIVEN_SERVER", "copied_database", "empty_database", "folder_in_memory"]

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
