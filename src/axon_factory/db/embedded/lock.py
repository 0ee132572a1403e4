"""The lock on a data folder, and what can go wrong with the embedded PostgreSQL.

Each message is the sentence a user reads.

EmbeddedPostgresError
├── BinariesMissing      no usable PostgreSQL programs
├── DataDirUnwritable    the data folder cannot be created, read or written
├── DataDirHeld          another process works on the data folder
├── VersionMismatch      the data was made by another major version
└── StartFailed          the server does not come up
"""

import fcntl
import json
import os
import shlex
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, cast

_FILE_NAME = "axon.lock"
# read_holder() takes the lock for a moment to see whether it is free: that is no holder.
_ATTEMPTS = 10
_PAUSE_SECONDS = 0.02


class EmbeddedPostgresError(Exception):
    """Base of all errors of the embedded PostgreSQL."""


class BinariesMissing(EmbeddedPostgresError):
    """No usable PostgreSQL programs were found."""


class DataDirUnwritable(EmbeddedPostgresError):
    """The data folder cannot be created, read or written."""


class DataDirHeld(EmbeddedPostgresError):
    """Another process holds the data folder.

    Attributes:
        pid: The holder, None while it has not said who it is yet.
        url: Where the holder answers, if it published that.
    """

    def __init__(self, message: str, *, pid: int | None = None, url: str | None = None) -> None:
        super().__init__(message)
        self.pid = pid
        self.url = url


class VersionMismatch(EmbeddedPostgresError):
    """The data folder was made by another major version than the programs at hand."""


class StartFailed(EmbeddedPostgresError):
    """The server does not come up.

    Attributes:
        log_tail: The last lines of the server's log, oldest first.
    """

    def __init__(self, message: str, log_tail: tuple[str, ...] = ()) -> None:
        tail = "\n".join(f"  {line}" for line in log_tail)
        super().__init__(f"{message}\n{tail}" if tail else message)
        self.log_tail = log_tail


class DataDirLock:
    """An exclusive lock on a data folder; its file tells a refused start the holder's pid and URL.

    It is an flock: the kernel frees it however the holder ends, and it is not passed on to programs
    that the holder starts.

    Args:
        data_dir: The folder; created on ``acquire``.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor: int | None = None
        self._facts: dict[str, object] = {}

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock, or say who has it. Blocks for at most a fraction of a second.

        Raises:
            DataDirHeld: Another process, or another lock object of this one, holds the folder.
            DataDirUnwritable: The folder or the file in it cannot be created or written.
        """
        if self._descriptor is not None:
            return
        descriptor = _open_lock_file(self._data_dir)
        try:
            _lock(descriptor, self._data_dir)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._facts = {}
        self.publish(
            pid=os.getpid(),
            started_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            command=shlex.join(sys.argv),
            url=None,
        )

    def publish(self, **facts: object) -> None:
        """Add facts about the holder (JSON values), such as ``url``, for others to read.

        Raises:
            RuntimeError: The lock is not held.
        """
        if self._descriptor is None:
            raise RuntimeError("publish() needs a lock that is held")
        self._facts |= facts
        content = json.dumps(self._facts).encode()
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))

    def release(self) -> None:
        """Give the folder back; does nothing when the lock is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def disown(self) -> None:
        """Let go of the lock in a fork: the process that forked keeps it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def read_holder(data_dir: Path) -> Mapping[str, object] | None:
    """Tell who holds a data folder.

    Args:
        data_dir: The folder.

    Returns:
        What the holder published (``pid``, ``started_at``, ``command``, ``url``, ...); None when
        nobody holds the folder or it does not exist.

    Raises:
        DataDirUnwritable: The folder belongs to somebody else.
    """
    try:
        descriptor = os.open(data_dir / _FILE_NAME, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DataDirUnwritable(f"{data_dir} cannot be read: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_facts(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _open_lock_file(data_dir: Path) -> int:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Python opens close-on-exec (PEP 446), so that no child keeps the lock alive.
        return os.open(data_dir / _FILE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirUnwritable(
            f"The data folder {data_dir} cannot be written: {error.strerror}."
        ) from error


def _lock(descriptor: int, data_dir: Path) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt + 1 < _ATTEMPTS:
                time.sleep(_PAUSE_SECONDS)
        else:
            return
    raise _held_error(data_dir, _read_facts(descriptor))


def _read_facts(descriptor: int) -> dict[str, object]:
    try:
        content: object = json.loads(os.pread(descriptor, 65536, 0))
    except ValueError:  # the holder is just writing it
        return {}
    return cast("dict[str, object]", content) if isinstance(content, dict) else {}


def _held_error(data_dir: Path, facts: Mapping[str, object]) -> DataDirHeld:
    pid, since, url = facts.get("pid"), facts.get("started_at"), facts.get("url")
    message = f"The data folder {data_dir} is held by process {pid or 'unknown'}"
    if since:
        message += f" since {since}"
    if url:
        message += f", which answers at {url}"
    return DataDirHeld(
        f"{message}.",
        pid=pid if isinstance(pid, int) else None,
        url=url if isinstance(url, str) else None,
    )
