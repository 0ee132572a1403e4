"""The roles and the database of the application, and proof that they answer."""

from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from axon_factory.db.embedded.cluster import Cluster, Memory
from axon_factory.db.embedded.lock import read_holder

NAME = "axon"
"""The database, and the role that owns and migrates it."""
APP_ROLE = "axon_app"
"""The role that the program runs as: it owns nothing (ADR 17)."""
_CONNECT_SECONDS = 10
_PROBE_SECONDS = 2
_LIBPQ_WITH_REQUIRE_AUTH = 160000


def dsn(port: int, password: str) -> str:
    """Write the address of the application's database for its owner."""
    return f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"


def app_dsn(port: int, password: str) -> str:
    """Write the address of the application's database for the program."""
    return f"postgresql://{APP_ROLE}:{password}@127.0.0.1:{port}/{NAME}"


async def prepare(port: int, memory: Memory) -> None:
    """Make the application's roles and database if they are missing; no role is a superuser.

    Raises:
        psycopg.Error: The server refuses.
    """
    superuser = f"postgresql://postgres:{memory.superuser_password}@127.0.0.1:{port}/postgres"
    async with await psycopg.AsyncConnection.connect(
        _careful(superuser, _CONNECT_SECONDS), autocommit=True
    ) as connection:
        name = sql.Identifier(NAME)
        # CREATEDB lets tests and restores make databases of their own.
        await _make_role(connection, NAME, memory.password, sql.SQL("CREATEDB"))
        await _make_role(connection, APP_ROLE, memory.app_password, sql.SQL("NOCREATEDB"))
        known = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
        if not await known.fetchone():
            await connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))


async def _make_role(
    connection: psycopg.AsyncConnection, role: str, password: str, option: sql.SQL
) -> None:
    """Create a role that may log in, or give it this password."""
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    known = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    statement = sql.SQL("{} ROLE {} LOGIN {} PASSWORD {}").format(
        sql.SQL("ALTER" if await known.fetchone() else "CREATE"),
        sql.Identifier(role),
        option,
        sql.Literal(verifier.decode()),
    )
    await connection.execute(statement)


async def check_answers(port: int, memory: Memory) -> None:
    """Log in to the application's database.

    Raises:
        psycopg.Error: That does not work.
    """
    connection = await psycopg.AsyncConnection.connect(
        _careful(dsn(port, memory.password), _CONNECT_SECONDS)
    )
    await connection.close()


def read_dsn(data_dir: Path, *, owner: bool = False) -> str | None:
    """Find the embedded server that a running command holds, for another command.

    Blocks for at most two seconds: in asynchronous code use a thread.

    Args:
        data_dir: The data folder.
        owner: For the role that owns the tables, which only migrating needs.

    Returns:
        The address, after a login that worked; None when the server does not run.

    Raises:
        DataDirUnwritable: The folder belongs to another user.
    """
    if read_holder(data_dir) is None:
        return None
    memory = Cluster(data_dir).load()
    if memory is None or memory.port is None or not memory.prepared:
        return None
    if not owner and not memory.app_password:
        return None
    address = (
        dsn(memory.port, memory.password) if owner else app_dsn(memory.port, memory.app_password)
    )
    try:
        psycopg.connect(_careful(address, _PROBE_SECONDS)).close()
    except psycopg.OperationalError:
        return None
    return address


def _careful(address: str, seconds: int) -> str:
    """Never send the password itself: the port may be someone else's by now."""
    conninfo = make_conninfo(address, connect_timeout=seconds)
    if psycopg.pq.version() >= _LIBPQ_WITH_REQUIRE_AUTH:
        conninfo = make_conninfo(conninfo, require_auth="scram-sha-256")
    return conninfo
