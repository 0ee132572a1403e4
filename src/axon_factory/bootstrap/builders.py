"""Which builders the settings offer."""

from axon_factory.adapters.builder.chosen import ChosenBuilder
from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.bootstrap.command_agent import command_builder_of
from axon_factory.ports.builder import Builder
from axon_factory.settings import Settings

__all__ = ["builders_of"]


def builders_of(settings: Settings, sandbox: Sandbox) -> Builder:
    """Return the builder of the line: it hands each order to the one chosen for it.

    An agent that is configured is offered even where the settings choose another: orders that were
    given to it before go on with it. `sandbox` is where agents of the command line run.

    Raises:
        SettingsInvalid: a chosen agent cannot be run on this machine.
    """
    builders: dict[str, Builder] = {"templates": TemplateBuilder()}
    command = command_builder_of(settings, sandbox)
    if command is not None:
        builders["command"] = command
    return ChosenBuilder(builders)
