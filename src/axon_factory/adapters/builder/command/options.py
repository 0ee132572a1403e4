"""How coding agents are run: what the settings say, checked against this machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from axon_factory.adapters.builder.command.profiles import Profile
from axon_factory.adapters.builder.command.program import Program
from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.sandbox import Limits

_GIBIBYTE = 1024**3


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """How agents are run.

    Attributes:
        profile: which command line.
        program: its program.
        model: what it is told to use; None leaves that to it.
        arguments: further words of its command line.
        secrets: variables of the environment that it gets, none of which may be shown.
        folders: what else it may read.
        network: whether it may use the machine's network.
        seconds: how long one run may take.
        poll_seconds: how often it is looked at.
        errors_seconds: how long one run may say nothing but errors.
        grace_seconds: what an agent that overstepped is given to end in order.
        patience_seconds: how long a call that ends it waits to see it gone.
        output_bytes: how much one run may say.
        handover: how large a repository may be.
    """

    profile: Profile
    program: Program
    model: str | None = None
    arguments: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    folders: tuple[Path, ...] = ()
    network: bool = True
    seconds: float = 3600.0
    poll_seconds: float = 15.0
    errors_seconds: float = 600.0
    grace_seconds: float = 10.0
    patience_seconds: float = 5.0
    output_bytes: int = 64 * 1024 * 1024
    handover: HandoverLimits = field(default_factory=HandoverLimits)


def agent_limits(seconds: float) -> Limits:
    """Return the bounds of one run of so many seconds.

    Memory is bounded by what a process may write to, not by its address space: the engines that
    agents run on reserve far more of that than they ever use.
    """
    return Limits(
        wall_seconds=seconds,
        cpu_seconds=int(seconds) * 4 + 60,
        file_bytes=2 * _GIBIBYTE,
        processes=1024,
        address_space_bytes=None,
        data_bytes=8 * _GIBIBYTE,
    )
