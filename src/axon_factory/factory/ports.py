"""The ports that the line calls, handed in by the composition root."""

from dataclasses import dataclass

from axon_factory.ports.builder import Builder
from axon_factory.ports.errors import Machine
from axon_factory.ports.messages import Mailer, Notifier
from axon_factory.ports.planner import Planner
from axon_factory.ports.product import Council, Deployer, GitHost, SecretBox

__all__ = ["LinePorts"]


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
