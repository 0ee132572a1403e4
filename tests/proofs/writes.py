"""The writing routes of the application, from its own route table."""

from collections.abc import Iterator
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from axon_factory.api.writing import write_as

__all__ = ["Endpoint", "other_endpoints", "writing_endpoints"]

_READ_ONLY = frozenset({"GET", "HEAD", "OPTIONS"})


class Endpoint(NamedTuple):
    """A method and a path of the route table."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def writing_endpoints(app: FastAPI) -> list[Endpoint]:
    """Return every endpoint that writes once per Idempotency-Key."""
    return [endpoint for endpoint, once in _endpoints(app) if once]


def other_endpoints(app: FastAPI) -> list[Endpoint]:
    """Return the endpoints of other methods than reading ones that do not."""
    return [endpoint for endpoint, once in _endpoints(app) if not once]


def _endpoints(app: FastAPI) -> Iterator[tuple[Endpoint, bool]]:
    for route in iter_route_contexts(app.routes):
        for method in sorted(frozenset(route.methods or ()) - _READ_ONLY):
            yield Endpoint(method, route.path or ""), _writes_once(route)


def _writes_once(route: RouteContext) -> bool:
    made_by_write_as = f"{write_as.__qualname__}.<locals>."
    dependant: Dependant | None = getattr(route, "dependant", None)
    return dependant is not None and any(
        getattr(call, "__qualname__", "").startswith(made_by_write_as) for call in _calls(dependant)
    )


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
