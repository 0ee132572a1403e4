"""Which builders the settings offer."""

from axon_factory.adapters.builder.chosen import ChosenBuilder
from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.ports.builder import Builder
from axon_factory.settings import Settings

__all__ = ["builders_of"]


def builders_of(settings: Settings) -> Builder:
    """Return the builder of the line: it hands each order to the one chosen for it."""
    del settings
    return ChosenBuilder({"templates": TemplateBuilder()})
