"""Every error of the rooms that answer requests."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from axon_factory.domain.errors import AxonError

__all__ = ["published_errors"]

ROOMS = ("domain", "accounts", "orders", "api", "realtime", "web")


def published_errors() -> list[type[AxonError]]:
    """Return them, whichever file they stand in, by status and `codigo`."""
    for room in ROOMS:
        package = import_module(f"axon_factory.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    found = {error for error in _errors() if error.__module__.startswith("axon_factory.")}
    return sorted(found, key=lambda error: (error.status, error.codigo))


def _errors(kind: type[AxonError] = AxonError) -> Iterator[type[AxonError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _errors(child)
