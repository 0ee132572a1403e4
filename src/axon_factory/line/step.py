"""What a step of the line is, and the ports that steps call."""

from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable
from uuid import UUID

from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.orders.change import Change
from axon_factory.ports.builder import Builder
from axon_factory.ports.errors import Machine
from axon_factory.ports.messages import Mailer, Notifier
from axon_factory.ports.planner import Planner
from axon_factory.ports.product import Council, Deployer, GitHost, SecretBox

__all__ = ["LinePorts", "LocalStep", "PortStep", "Ticket"]


@dataclass(frozen=True, slots=True)
class LinePorts:
    """One adapter a port."""

    planner: Planner
    builder: Builder
    council: Council
    deployer: Deployer
    git_host: GitHost
    mailer: Mailer
    notifier: Notifier
    secret_box: SecretBox
    machine: Machine | None = None
    """Looked at before each step, and after each that failed; None: only ports tell of trouble."""


Work = TypeVar("Work")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to record one step's outcome: it lapses when the order's fence moves on."""

    order_id: UUID
    attempt: int
    step: DueStep
    fence: int
    idempotency_key: str


@runtime_checkable
class LocalStep(Protocol):
    """A step that needs no port: one transaction."""

    async def apply(self, change: Change, /) -> None:
        """Change the locked order and enqueue what follows."""
        ...


class PortStep(Protocol[Work, Outcome]):
    """A step with a port call: read, call with no transaction open, record."""

    cause: FailureCause
    """The cause that the order shows when the call fails in a way no adapter foresaw."""

    async def prepare(self, change: Change, step: DueStep, /) -> Work:
        """Read what the call needs, in the transaction that records the step's beginning."""
        ...

    async def call(self, work: Work, /, *, idempotency_key: str) -> Outcome:
        """Call the port.

        Raises:
            PortError: it had no effect, or none that counts.
        """
        ...

    async def record(self, change: Change, work: Work, outcome: Outcome, /) -> None:
        """Write the outcome to the locked order and enqueue what follows."""
        ...
