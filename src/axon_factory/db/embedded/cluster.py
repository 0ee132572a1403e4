"""The data folder's contents: PostgreSQL's folder, roles and database, and the memory."""

import asyncio
import json
import os
import secrets
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from axon_factory.db.embedded import launch
from axon_factory.db.embedded.lock import DataDirUnwritable, StartFailed, read_holder
from axon_factory.db.embedded.programs import (
    Account,
    Installation,
    give_tree,
    named_account,
    run,
    server_account,
)

_BUILTIN_LOCALE_SINCE = 17
_LOCALE_PROVIDER_SINCE = 15
_LAST_LINES = 20
_DRAFT_PREFIX = "postgresql-new-"
_OPEN_FOLDER = f"/proc/self/fd/{launch.FOLDER}"


@dataclass(frozen=True)
class Memory:
    """What must survive a restart; a file only its owner may read.

    Attributes:
        port: The TCP port of the last start; None before the first.
        password: Of the role that owns the database and migrates it.
        superuser_password: Of PostgreSQL's superuser, used only to make roles and database.
        prepared: Whether roles and database exist.
        app_password: Of the role that the program runs as.
    """

    port: int | None
    password: str
    superuser_password: str
    prepared: bool = False
    app_password: str = ""

    @classmethod
    def new(cls) -> Self:
        """Make up passwords, which need no escaping in URLs and SQL."""
        return cls(None, _new_password(), _new_password(), app_password=_new_password())

    def completed(self) -> Self:
        """Return this with what data folders of the first releases do not have yet."""
        if self.app_password:
            return self
        return replace(self, app_password=_new_password(), prepared=False)


class Cluster:
    """PostgreSQL's files in a data folder.

    Args:
        data_dir: The data folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self.folder = self.data_dir / "postgresql"
        self._memory_file = self.data_dir / "postgresql.json"

    @property
    def path_for_server(self) -> str:
        """The folder as the server is told it."""
        return _name_for_server(self.folder)

    def major(self) -> int | None:
        """Tell which version made the data; None when there is none yet."""
        try:
            return int((self.folder / "PG_VERSION").read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unwritable(error) from error
        except ValueError as error:
            raise StartFailed(f"{self.folder} is no PostgreSQL data folder.") from error

    def load(self) -> Memory | None:
        """Read what is remembered; None before the first start.

        Raises:
            DataDirUnwritable: The file belongs to somebody else.
            StartFailed: The file is damaged.
        """
        try:
            return Memory(**json.loads(self._memory_file.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unwritable(error) from error
        except (ValueError, TypeError) as error:
            raise StartFailed(f"{self._memory_file} is damaged: restore it.") from error

    def save(self, memory: Memory) -> Memory:
        """Remember; the file is replaced as a whole, so that it is never half written.

        Raises:
            DataDirUnwritable: It cannot be written.
        """
        try:
            descriptor, draft = tempfile.mkstemp(dir=self.data_dir)  # with mode 0600
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(memory), file)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(self._memory_file)
        except OSError as error:
            raise self._unwritable(error) from error
        return memory

    async def create(self, installation: Installation) -> Memory:
        """Make the cluster, wholly or not at all: elsewhere first, then renamed.

        Args:
            installation: Whose ``initdb`` to run, reachable for the server's user.

        Raises:
            DataDirUnwritable: It cannot be written.
            StartFailed: ``initdb`` failed.
        """
        memory = self.save(replace(self.load() or Memory.new(), prepared=False))
        account = server_account(self.folder)
        maker = named_account() if account else None
        self._remove_drafts()
        try:
            draft = Path(tempfile.mkdtemp(dir=self.data_dir, prefix=_DRAFT_PREFIX))
            if maker:
                os.chown(draft, maker.uid, maker.gid)
            await self._initdb(installation, maker, draft, memory.superuser_password)
            await asyncio.to_thread(self._put_in_place, draft, account)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self._remove_drafts()
        return memory

    def adopt(self) -> Account | None:
        """Put owner and mode right, which restoring a backup may have lost.

        Returns:
            Whom the server runs as; None for the present user.

        Raises:
            DataDirUnwritable: The folder belongs to another user, and we are not root.
        """
        account = server_account(self.folder)
        try:
            status = self.folder.stat()
            if account and status.st_uid == 0:
                give_tree(self.folder, account)
            if not account and status.st_uid != os.geteuid():
                raise DataDirUnwritable(f"{self.folder} belongs to user number {status.st_uid}.")
            if status.st_mode & 0o077:
                self.folder.chmod(0o700)
        except OSError as error:
            raise self._unwritable(error) from error
        return account

    async def _initdb(
        self, installation: Installation, maker: Account | None, draft: Path, password: str
    ) -> None:
        with tempfile.TemporaryFile(dir=self.data_dir) as password_file:
            password_file.write(password.encode() + b"\n")
            password_file.flush()
            password_file.seek(0)
            if maker:  # who opens it again by the name of its descriptor
                os.fchown(password_file.fileno(), maker.uid, maker.gid)
            code, output = await run(
                [
                    str(installation.bin / "initdb"),
                    f"--pgdata={_name_for_server(draft)}",
                    "--username=postgres",
                    "--pwfile=/dev/stdin",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--data-checksums",
                    "--no-instructions",
                    *_locale_options(installation.major),
                ],
                maker,
                folder=draft,
                stdin=password_file,
            )
        if code != 0:
            raise StartFailed(
                "PostgreSQL's initdb failed.", tuple(output.splitlines()[-_LAST_LINES:])
            )

    def _put_in_place(self, draft: Path, account: Account | None) -> None:
        if account:
            give_tree(draft, account)
        draft.rename(self.folder)

    def _remove_drafts(self) -> None:
        """Remove what interrupted attempts left, as far as an ending initdb lets us."""
        for draft in self.data_dir.glob(f"{_DRAFT_PREFIX}*"):
            shutil.rmtree(draft, ignore_errors=True)

    def _unwritable(self, error: OSError) -> DataDirUnwritable:
        return DataDirUnwritable(
            f"The data folder {self.data_dir} cannot be used: {error.strerror or error}."
        )


def _new_password() -> str:
    return secrets.token_urlsafe(24)


def _name_for_server(folder: Path) -> str:
    """Name the folder that a server is started in for that server.

    The folder is opened for it before root is dropped, and it calls it by its descriptor: its user
    may be unable to come here by the path (root's home is private), the permissions of those
    parents are not ours to change, and PostgreSQL refuses paths of over 1023 bytes.
    """
    return _OPEN_FOLDER if Path("/proc/self/fd").exists() else str(folder)


def _locale_options(major: int) -> list[str]:
    """Sort by code point, but know the letters of all languages (Spanish search needs that)."""
    if sys.platform == "linux":
        options = ["--locale=C.UTF-8"]
    else:  # macOS has no C.UTF-8
        options = ["--locale=C", "--lc-ctype=en_US.UTF-8"]
    if major >= _BUILTIN_LOCALE_SINCE:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    elif major >= _LOCALE_PROVIDER_SINCE:
        options += ["--locale-provider=libc"]
    return options


NAME = "axon"
"""The database, and the role that owns and migrates it."""
APP_ROLE = "axon_app"
"""The role that the program runs as: it owns nothing (ADR 17)."""
_CONNECT_SECONDS = 10
_PROBE_SECONDS = 2
_LIBPQ_WITH_REQUIRE_AUTH = 160000


def owner_dsn(port: int, password: str) -> str:
    """Write the address of the application's database for its owner."""
    return f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"


def app_dsn(port: int, password: str) -> str:
    """Write the address of the application's database for the program."""
    return f"postgresql://{APP_ROLE}:{password}@127.0.0.1:{port}/{NAME}"


async def prepare_database(port: int, memory: Memory) -> None:
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
        _careful(owner_dsn(port, memory.password), _CONNECT_SECONDS)
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
        owner_dsn(memory.port, memory.password)
        if owner
        else app_dsn(memory.port, memory.app_password)
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
