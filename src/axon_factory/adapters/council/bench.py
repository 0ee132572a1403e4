"""The folders of one check: made for it, removed after it, also when its process was killed."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from axon_factory.adapters.disk import try_lock

_PREFIX = "axon-review-"
_LOCK = ".lock"
_YOUNGEST_SECONDS = 60.0
"""A folder younger than this may not have its lock yet."""


class Bench:
    """A new folder with room for one check; a lock says that its process lives."""

    def __init__(self, parent: Path | None) -> None:
        """Make it in `parent` (the system's folder without it), and sweep that first.

        Raises:
            OSError: it cannot be made.
        """
        place = parent or Path(tempfile.gettempdir())
        _sweep(place)
        self.root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place)).resolve()
        self._lock = -1
        try:
            # The sandbox's user must reach its folders through this one.
            self.root.chmod(0o711)
            self._lock = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            for name in ("export", "scratch"):
                (self.root / name).mkdir()
        except BaseException:
            self.remove()
            raise

    @property
    def export(self) -> Path:
        """Folder for the product's repository and files."""
        return self.root / "export"

    @property
    def scratch(self) -> Path:
        """The one folder that a check may write to."""
        return self.root / "scratch"

    def remove(self) -> None:
        """Remove all of it, and give the lock back."""
        _remove(self.root)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _sweep(parent: Path) -> None:
    """Remove the folders whose process was killed: their lock is free."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            old = time.time() - status.st_mtime > _YOUNGEST_SECONDS
            if not old or not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            if _is_free(folder / _LOCK):
                _remove(folder)


def _is_free(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    """Remove a folder, also where a product has taken our right to enter from what is inside."""

    def open_up(_function: Callable[..., object], path: str, _error: object) -> None:
        with contextlib.suppress(OSError):
            os.chmod(Path(path).parent, 0o700)  # noqa: PTH101 — no link: its parent was entered
            if not Path(path).is_symlink():
                os.chmod(path, 0o700)  # noqa: PTH101 — as above

    for _ in range(2):
        shutil.rmtree(folder, onerror=open_up)
        if not folder.exists():
            return
