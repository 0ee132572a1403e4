"""The template builder: renders the catalogue's Copier templates into a git repository."""

from axon_factory.adapters.builder.templates.builder import TemplateBuilder

__all__ = ["TemplateBuilder"]
