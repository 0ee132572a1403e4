"""What can go wrong with the embedded PostgreSQL; each message is the sentence a user reads.

EmbeddedPostgresError
├── BinariesMissing      no usable PostgreSQL programs
├── DataDirUnwritable    the data folder cannot be created, read or written
├── DataDirHeld          another process works on the data folder
├── VersionMismatch      the data was made by another major version
└── StartFailed          the server does not come up
"""


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
