"""Exit codes that scripts can rely on (docs/operations.md lists them)."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """What the process ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    SETTINGS = 3
    DATABASE_UNREACHABLE = 4
    PORT_BUSY = 5
    DATA_DIR_UNWRITABLE = 6
    DATA_DIR_HELD = 7
    NOT_RUNNING = 8
    REFUSED = 9
    NOT_DELIVERED = 10
    PRODUCT_RUNTIME = 11
    EMBEDDED_POSTGRES = 12
    SCHEMA_OUTDATED = 13
    AUDIT_BROKEN = 14
    DATABASE_UNSUPPORTED = 15


class CliError(Exception):
    """A failure that ends the command with one clear sentence and a code of its own."""

    def __init__(self, code: Exit, message: str, extra: Mapping[str, Any] | None = None) -> None:
        """`message` says what is wrong and what to do; scripts get the keys of `extra` too."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.extra = dict(extra or {})
