"""Who can build a product: the factory itself, or one of three kinds of agents outside."""

from enum import StrEnum

__all__ = ["BuilderName"]


class BuilderName(StrEnum):
    """Stable names of the builders; settings and orders name them."""

    TEMPLATES = "templates"
    HTTP = "http"
    A2A = "a2a"
    COMMAND = "command"
