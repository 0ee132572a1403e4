"""Checks of `axon doctor` on the agents that build: is each there, and does it take our token."""

from axon_factory.adapters.product_runtime import ProductRuntime
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.bootstrap.adapters import agents_of
from axon_factory.cli.checks import Check, Status
from axon_factory.ports.builder import AgentBuilder
from axon_factory.ports.errors import PortError
from axon_factory.settings import Settings, SettingsInvalid


async def check_agents(settings: Settings) -> list[Check]:
    """Return a check for each configured agent; none if the factory builds everything itself."""
    sandbox = Sandbox(
        ProductRuntime(settings.product_runtime).python, bubblewrap=settings.sandbox == "auto"
    )
    try:
        agents = agents_of(settings, sandbox)
    except SettingsInvalid as error:
        action = "Corrige las variables AXON_AGENT_COMMAND_… o elige otro constructor"
        return [Check("Agentes", Status.ERROR, str(error), action)]
    return [await _check(name, agent, settings) for name, agent in agents.items()]


async def _check(name: str, agent: AgentBuilder, settings: Settings) -> Check:
    """An agent that is away is no error unless orders go to it: those given to it before wait."""
    try:
        return Check(f"Agente {name}", Status.OK, await agent.reach())
    except PortError as error:
        chosen = name in settings.chosen_builders
        return Check(
            f"Agente {name}",
            Status.ERROR if chosen else Status.WARNING,
            error.for_staff,
            f"Comprueba que el agente está en marcha, y las variables AXON_AGENT_{name.upper()}_…",
        )
