"""The line of the tests, whose builder runs the fake agent."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from axon_factory.adapters.builder.command import CommandBuilder
from axon_factory.adapters.builder.outside import ChosenBuilder
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.ports.crossing import crossing
from tests.support.command_agents import Steps, command_options
from tests.support.product_runtime import product_python

__all__ = ["over_agent"]


def over_agent(
    rig: Any,  # noqa: ANN401 — a Rig, which lives with the line's tests
    steps: Steps,
    **changes: Any,  # noqa: ANN401 — see command_options
) -> Any:  # noqa: ANN401 — a Rig
    """Return the rig over a command builder whose agent takes `steps`."""
    folder = rig.products.parent
    options = command_options(folder / "agente", *steps, **changes)
    builder = CommandBuilder(folder / "sessions", Sandbox(product_python()), options)
    ports = replace(rig.ports, builder=crossing("builder", ChosenBuilder({"command": builder})))
    agents = replace(rig.policy.agents, builder="command", stop_poll=timedelta(milliseconds=20))
    return replace(rig.with_policy(agents=agents), ports=ports)
