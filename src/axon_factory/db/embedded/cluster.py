"""The data folder's contents: PostgreSQL's own folder, and what must be remembered beside it."""

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

from axon_factory.db.embedded import launch
from axon_factory.db.embedded.account import (
    Account,
    give_tree,
    named_account,
    server_account,
)
from axon_factory.db.embedded.binaries import Installation
from axon_factory.db.embedded.errors import DataDirUnwritable, StartFailed
from axon_factory.db.embedded.programs import run

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
