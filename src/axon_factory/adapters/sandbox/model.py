"""What a sandboxed run may use, and what it leaves behind."""

import signal
from dataclasses import dataclass

MEBIBYTE = 1024 * 1024
_KILLED = frozenset(
    code for number in (signal.SIGKILL, signal.SIGBUS) for code in (-number, 128 + number)
)
"""bubblewrap passes a signal on as 128 and its number."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds of one command; beyond any of them it is killed with all it started.

    `processes` counts threads too. It holds only where the command has a user id (or user
    namespace) of its own: for an ordinary user without bubblewrap it would count that person's
    whole session, and is left out. `address_space_bytes` or `data_bytes` (memory that can be
    written to) is left out where it is None. `disk_bytes` is what it may write in all; each
    file counts for a block at least.
    """

    wall_seconds: float = 120.0
    output_bytes: int = 4 * MEBIBYTE
    cpu_seconds: int = 120
    file_bytes: int = 256 * MEBIBYTE
    processes: int = 256
    disk_bytes: int | None = None
    address_space_bytes: int | None = 4096 * MEBIBYTE
    data_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SandboxRun:
    """The evidence of one run.

    `output` is standard output and standard error as they came, up to the limit; `output_digest`
    is the hexadecimal SHA-256 of exactly that. `exit_code` is negative for a signal.

    `cpu_seconds` is how long its processes ran, `waiting_seconds` how long they were ready to run
    and did not get a processor. Both are samples: what lived for less than one is not in them.
    """

    exit_code: int
    output: bytes
    output_digest: str
    duration_seconds: float
    isolation: str
    timed_out: bool = False
    truncated: bool = False
    overwrote: bool = False
    """Whether it was killed because it wrote more than `Limits.disk_bytes`."""
    filled_machine: bool = False
    """Whether it was killed because the machine's disk was all but full."""
    cpu_seconds: float = 0.0
    waiting_seconds: float = 0.0
    oom_kills: int = 0
    """How often this machine's kernel killed something for want of memory meanwhile."""

    @property
    def was_killed(self) -> bool:
        """True if it was killed with SIGKILL or SIGBUS, and not for a limit of ours."""
        stopped = self.timed_out or self.truncated or self.overwrote or self.filled_machine
        return not stopped and self.exit_code in _KILLED


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
