"""How a route says who may ask and what it answers; one without a permission stops the start."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from pydantic import BaseModel
from starlette.routing import BaseRoute, compile_path

from axon_factory.api.authentication import Guard
from axon_factory.domain.errors import AxonError
from axon_factory.domain.permissions import PERMISSIONS, PUBLIC_ROUTES, Action

__all__ = [
    "ERRORS",
    "VALIDATED",
    "DeclaredRoute",
    "RouteWithoutPermission",
    "allowed_methods",
    "answers",
    "check_routes",
    "declared_routes",
    "documented_path",
    "raises",
]


class RouteWithoutPermission(Exception):
    """A route neither has a guard nor stands in the table of public ones."""


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """A route as the permission table sees it."""

    path: str
    """As the document writes it: `/api/orders/{id}`."""
    pattern: re.Pattern[str]
    """What its addresses match."""
    methods: frozenset[str]
    action: Action | None
    """What its guard asks for, None without a guard."""
    in_schema: bool

    @property
    def is_decided(self) -> bool:
        """True if the permission table has a row for it."""
        return self.action in PERMISSIONS if self.action else self.path in PUBLIC_ROUTES


def check_routes(routes: Sequence[BaseRoute]) -> None:
    """Refuse routes that nobody has decided about.

    Raises:
        RouteWithoutPermission: naming each of them.
    """
    undecided = [route.path for route in declared_routes(routes) if not route.is_decided]
    if undecided:
        raise RouteWithoutPermission(
            f"routes without a row in domain.permissions: {', '.join(undecided)}"
        )


def declared_routes(routes: Sequence[BaseRoute]) -> Iterator[DeclaredRoute]:
    """Yield every route of an application with the action that its guard asks for."""
    for context in iter_route_contexts(routes):
        yield DeclaredRoute(
            path=documented_path(context),
            pattern=compile_path(context.path or "")[0],
            methods=frozenset(context.methods or ()),
            action=_action_of(context),
            in_schema=bool(getattr(context, "include_in_schema", False)),
        )


def documented_path(context: RouteContext) -> str:
    """Return a route's path as the document writes it, without the types of its parameters."""
    return context.path_format or context.path or ""


def allowed_methods(routes: Sequence[BaseRoute], path: str) -> list[str]:
    """Return every method that some route takes at `path`, sorted; HEAD and OPTIONS with them."""
    methods = {
        method
        for route in declared_routes(routes)
        if route.pattern.match(path)
        for method in route.methods
    }
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods | {"OPTIONS"})


def _action_of(context: RouteContext) -> Action | None:
    dependant: Dependant | None = getattr(context, "dependant", None)
    if dependant is None:
        return None
    guards = [call for call in _calls(dependant) if isinstance(call, Guard)]
    return guards[0].action if guards else None


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        if dependency.call is not None:
            yield dependency.call
        yield from _calls(dependency)


ERRORS = "__errors__"
VALIDATED = "x-validated"
"""Marks, until the document is finished, an answer that has an ETag."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def answers(
    model: type[BaseModel],
    status: int = 200,
    *,
    etag: bool = False,
    headers: Sequence[str] = (),
    media: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[int | str, dict[str, Any]]:
    """Return `responses=` of a route whose success is `model`.

    Args:
        model: what the body is; its example becomes the answer's.
        status: 200 or 201.
        etag: the answer has an ETag; a GET then also answers 304.
        headers: further headers of the answer, by their names in `schemas.components`.
        media: further media types of the same answer, each with schema and example.
    """
    answer: dict[str, Any] = {"model": model, "description": _first_line(model)}
    if headers:
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    if media:
        answer["content"] = dict(media)
    if etag:
        answer[VALIDATED] = True
    return {status: answer}


def raises(*errors: type[AxonError]) -> Callable[[Endpoint], Endpoint]:
    """Say which errors a handler has besides those that its guard, path and body bring along."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, ERRORS, errors)
        return endpoint

    return mark


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
