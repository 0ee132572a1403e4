"""The credential of this machine's administrator: a file that only its owner reads (ADR 38).

A serving process writes `local-<id>.json` into the data folder and holds a lock on it. The
credential serves at the processes of that data folder, while the lock is held. The kernel frees the
lock when its process ends, however it ends; a file that is left behind then opens nothing.

Few modules are imported: commands read the file, and must start fast.
"""

import contextlib
import fcntl
import getpass
import hmac
import json
import os
import re
import secrets
import stat
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from axon_factory.domain.permissions import Grant, Principal, Role

__all__ = ["LOCAL_PREFIX", "LocalAccess", "LocalCredential", "grant_local_access"]

LOCAL_PREFIX = "axl_live_"
_TOKEN = re.compile(rf"{LOCAL_PREFIX}([0-9a-f]{{16}})_[A-Za-z0-9_-]{{43}}")
_PATTERN = "local-*.json"
_MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class LocalCredential:
    """What the file says: where the process answers, its secret, and whose it is."""

    url: str
    user: str
    token: str = field(repr=False)


class LocalAccess:
    """The credentials that lie in one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def user_of(self, token: str) -> str | None:
        """Return the system user that `token` was written for, None if it serves no more."""
        shape = _TOKEN.fullmatch(token)
        found = _read(self._data_dir / f"local-{shape[1]}.json") if shape else None
        if found is None or not hmac.compare_digest(found.token, token):
            return None
        return found.user

    def principal_of(self, token: str) -> Principal | None:
        """Return the administrator that `token` lets in, None if it serves no more."""
        user = self.user_of(token)
        return Principal(f"local:{user}", user, Role.ADMIN, Grant.ADMIN) if user else None

    def newest(self) -> LocalCredential | None:
        """Return the credential of the process that began to serve last, None if none serves.

        Raises:
            OSError: the data folder belongs to another user, or is none.
        """
        try:
            files = [file for file in self._data_dir.iterdir() if file.match(_PATTERN)]
        except FileNotFoundError:
            return None
        for file in sorted(files, key=_changed_at, reverse=True):
            if found := _read(file):
                return found
        return None


@contextlib.contextmanager
def grant_local_access(data_dir: Path, url: str) -> Generator[None]:
    """Leave a credential for the process at `url` in the folder; the end of the block removes it.

    Raises:
        OSError: the folder cannot be written.
    """
    number = secrets.token_hex(8)
    file = data_dir / f"local-{number}.json"
    hidden = file.with_suffix(".new")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_left_behind(data_dir)
    content = {
        "url": url,
        "user": _user(),
        "token": f"{LOCAL_PREFIX}{number}_{secrets.token_urlsafe(32)}",
    }
    # Close-on-exec, as all descriptors that Python opens: programs that are started keep no lock.
    descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, json.dumps(content).encode())
        hidden.rename(file)  # only now: whoever sees the file finds it whole and locked
        yield
    finally:
        for path in (hidden, file):
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "desconocido"


def _changed_at(file: Path) -> float:
    with contextlib.suppress(OSError):
        return file.stat().st_mtime
    return 0.0


def _read(file: Path) -> LocalCredential | None:
    """Return what the file says, None if its process has ended or others could have written it."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
            return None
        if not _is_held(descriptor):
            return None
        document: object = json.loads(os.pread(descriptor, _MOST_BYTES, 0))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
    if not isinstance(document, dict):
        return None
    told = cast("dict[str, object]", document)
    url, user, token = (str(told.get(name, "")) for name in ("url", "user", "token"))
    return LocalCredential(url, user, token) if _TOKEN.fullmatch(token) else None


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _remove_left_behind(data_dir: Path) -> None:
    """Remove the files of processes that were killed."""
    for file in data_dir.glob(_PATTERN):
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if not _is_held(descriptor):
                file.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
