"""The role and the database of the application, and proof that they answer."""

from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from axon_factory.db.embedded.cluster import Cluster, Memory
from axon_factory.db.embedded.lock import read_holder

__all__ = ["NAME", "check_answers", "dsn", "prepare", "read_dsn"]

NAME = "axon"
_CONNECT_SECONDS = 10
_PROBE_SECONDS = 2
_LIBPQ_WITH_REQUIRE_AUTH = 160000


def dsn(port: int, password: str) -> str:
    """Write the address of the application's database."""
    return f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"


async def prepare(port: int, memory: Memory) -> None:
    """Make the application's role and database if they are missing; the role is no superuser.

    Raises:
        psycopg.Error: The server refuses.
    """
    superuser = f"postgresql://postgres:{memory.superuser_password}@127.0.0.1:{port}/postgres"
    async with await psycopg.AsyncConnection.connect(
        _careful(superuser, _CONNECT_SECONDS), autocommit=True
    ) as connection:
        name = sql.Identifier(NAME)
        verifier = connection.pgconn.encrypt_password(
            memory.password.encode(), NAME.encode(), b"scram-sha-256"
        )
        known = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME])
        # CREATEDB lets tests and restores make databases of their own.
        statement = sql.SQL("{} ROLE {} LOGIN CREATEDB PASSWORD {}").format(
            sql.SQL("ALTER" if await known.fetchone() else "CREATE"),
            name,
            sql.Literal(verifier.decode()),
        )
        await connection.execute(statement)
        known = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
        if not await known.fetchone():
            await connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))


async def check_answers(port: int, memory: Memory) -> None:
    """Log in to the application's database.

    Raises:
        psycopg.Error: That does not work.
    """
    connection = await psycopg.AsyncConnection.connect(
        _careful(dsn(port, memory.password), _CONNECT_SECONDS)
    )
    await connection.close()


def read_dsn(data_dir: Path) -> str | None:
    """Find the embedded server that a running command holds, for another command.

    Blocks for at most two seconds: in asynchronous code use a thread.

    Args:
        data_dir: The data folder.

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
    address = dsn(memory.port, memory.password)
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
