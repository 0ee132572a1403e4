"""What a check of `axon doctor` says."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How it stands; only an error makes `axon doctor` fail."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, how it stands, what was seen, and what to do."""

    name: str
    status: Status
    detail: str
    action: str = ""
