"""The server's log: one file of bounded size, with one predecessor.

The server appends to it through its standard error, which needs no process of its own, works
whatever user the server is, and still records a shutdown that our own death has caused.
"""

import os
import shutil
from pathlib import Path
from typing import IO

_LIMIT_BYTES = 8 * 1024 * 1024
_LAST_LINES = 20
_READ_BYTES = 64 * 1024


class LogFile:
    """A log file that somebody else appends to.

    Args:
        path: Of the file; its predecessor has ".1" behind the name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> IO[bytes]:
        """Open for appending, so that the writer goes on at the end whenever we truncate."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        return os.fdopen(os.open(self.path, flags, 0o600), "ab", buffering=0)

    def size(self) -> int:
        """Return the size in bytes, 0 if there is none."""
        return self.path.stat().st_size if self.path.exists() else 0

    def bound(self) -> None:
        """Start anew if the file has grown too large; a line written meanwhile may be lost."""
        if self.size() > _LIMIT_BYTES:
            shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
            with self.path.open("r+b") as file:
                file.truncate(0)

    def tail(self, since: int = 0) -> tuple[str, ...]:
        """Return the last lines, oldest first.

        Args:
            since: Ignore what stands before this position in bytes.
        """
        if not self.path.exists():
            return ()
        with self.path.open("rb") as file:
            file.seek(max(since, self.size() - _READ_BYTES))
            text = file.read().decode(errors="replace")
        return tuple(text.splitlines()[-_LAST_LINES:])
