"""Which builders the settings offer."""

from axon_factory.adapters.builder.chosen import ChosenBuilder
from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.builder.http import AgentAddress, HttpBuilder
from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.bootstrap.command_agent import command_builder_of
from axon_factory.domain.builders import BuilderName
from axon_factory.ports.builder import AgentBuilder, Builder
from axon_factory.settings import Settings

__all__ = ["agents_of", "builders_of"]

_MEBIBYTE = 2**20


def builders_of(settings: Settings, sandbox: Sandbox) -> Builder:
    """Return the builder of the line: it hands each order to the one chosen for it.

    `sandbox` is where agents of the command line run.

    Raises:
        SettingsInvalid: a chosen agent cannot be run on this machine.
    """
    return ChosenBuilder({BuilderName.TEMPLATES: TemplateBuilder(), **agents_of(settings, sandbox)})


def agents_of(settings: Settings, sandbox: Sandbox) -> dict[str, AgentBuilder]:
    """Return the builders that hand the work to an agent, by name.

    An agent that is configured is offered even where the settings choose another: orders that were
    given to it before go on with it.

    Raises:
        SettingsInvalid: a chosen agent cannot be run on this machine.
    """
    agents: dict[str, AgentBuilder] = {}
    if settings.agent_http_url is not None:
        agents["http"] = _http(settings, settings.agent_http_url)
    if settings.agent_a2a_url is not None:
        agents["a2a"] = _a2a(settings, settings.agent_a2a_url)
    command = command_builder_of(settings, sandbox)
    if command is not None:
        agents["command"] = command
    return agents


def _http(settings: Settings, url: str) -> AgentBuilder:
    token = settings.agent_http_token
    address = AgentAddress(
        url=url,
        token=token.get_secret_value() if token else None,
        timeout_seconds=settings.agent_timeout_seconds,
        max_bundle_bytes=settings.agent_artifact_max_mb * _MEBIBYTE,
    )
    return HttpBuilder(
        address, mode=settings.agent_http_mode, poll_seconds=settings.agent_poll_seconds
    )


def _a2a(settings: Settings, url: str) -> AgentBuilder:
    from axon_factory.adapters.builder.a2a import (  # noqa: PLC0415 — a second, for few factories
        A2ABuilder,
        A2AOptions,
    )

    token = settings.agent_a2a_token
    limits = HandoverLimits(bundle_bytes=settings.agent_artifact_max_mb * _MEBIBYTE)
    options = A2AOptions(
        url=url,
        token=token.get_secret_value() if token else None,
        timeout_seconds=settings.agent_timeout_seconds,
        poll_seconds=settings.agent_poll_seconds,
        max_artifact_bytes=limits.bundle_bytes,
    )
    return A2ABuilder(options, limits)
