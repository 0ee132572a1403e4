"""What a sandboxed run may use, and what it leaves behind."""

from dataclasses import dataclass

__all__ = ["Capability", "Limits", "SandboxRun"]

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds of one command; beyond any of them it is killed with all it started.

    `processes` counts threads too. It holds only where the command has a user id (or user
    namespace) of its own: for an ordinary user without bubblewrap it would count that person's
    whole session, and is left out. `address_space_bytes` or `data_bytes` (memory that can be
    written to) is left out where it is None.
    """

    wall_seconds: float = 120.0
    output_bytes: int = 4 * MEBIBYTE
    cpu_seconds: int = 120
    file_bytes: int = 256 * MEBIBYTE
    processes: int = 256
    address_space_bytes: int | None = 4096 * MEBIBYTE
    data_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SandboxRun:
    """The evidence of one run.

    `output` is standard output and standard error as they came, up to the limit; `output_digest`
    is the hexadecimal SHA-256 of exactly that. `exit_code` is negative for a signal.
    """

    exit_code: int
    output: bytes
    output_digest: str
    duration_seconds: float
    isolation: str
    timed_out: bool = False
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Capability:
    """What this machine lets the sandbox do, found out by doing it.

    Attributes:
        bubblewrap: path of `bwrap`, or None where commands are plain subprocesses.
        drops_user: True when we are root and commands run under an unprivileged user id.
        reason: a Spanish sentence for `axon doctor`.
    """

    bubblewrap: str | None
    drops_user: bool
    reason: str

    @property
    def isolation(self) -> str:
        """The word that receipts carry (ports, `CheckReceipt.isolation`)."""
        return "bubblewrap" if self.bubblewrap else "subprocess"
