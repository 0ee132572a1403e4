"""The ports that the line calls, handed in by the composition root."""

from dataclasses import dataclass

from axon_factory.ports.builder import Builder
from axon_factory.ports.council import Council
from axon_factory.ports.deployer import Deployer
from axon_factory.ports.git_host import GitHost
from axon_factory.ports.machine import Machine
from axon_factory.ports.mailer import Mailer
from axon_factory.ports.notifier import Notifier
from axon_factory.ports.planner import Planner
from axon_factory.ports.secret_box import SecretBox

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
