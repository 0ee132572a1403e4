"""Which builders the settings offer."""

from axon_factory.adapters.builder.chosen import ChosenBuilder
from axon_factory.adapters.builder.http import AgentAddress, HttpBuilder
from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.ports.builder import Builder
from axon_factory.settings import Settings

__all__ = ["builders_of"]

_MEBIBYTE = 2**20


def builders_of(settings: Settings) -> Builder:
    """Return the builder of the line: it hands each order to the one chosen for it.

    An agent that is configured is offered even where the settings choose another: orders that were
    given to it before go on with it.
    """
    builders: dict[str, Builder] = {"templates": TemplateBuilder()}
    if settings.agent_http_url is not None:
        builders["http"] = _http(settings, settings.agent_http_url)
    return ChosenBuilder(builders)


def _http(settings: Settings, url: str) -> Builder:
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
