"""Every route has a row in the permission table, or the program does not start."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, compile_path

from axon_factory.api.authentication import Guard
from axon_factory.domain.permissions import PERMISSIONS, PUBLIC_ROUTES, Action

__all__ = [
    "DeclaredRoute",
    "RouteWithoutPermission",
    "allowed_methods",
    "check_routes",
    "declared_routes",
    "documented_path",
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
