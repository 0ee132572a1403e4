"""Every route has a row in the permission table, or the program does not start."""

from collections.abc import Iterator, Sequence

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from axon_factory.api.authentication import Guard
from axon_factory.domain.permissions import PERMISSIONS, PUBLIC_ROUTES, Action

__all__ = ["RouteWithoutPermission", "action_of", "check_routes"]


class RouteWithoutPermission(Exception):
    """A route neither has a guard nor stands in the table of public ones."""


def check_routes(routes: Sequence[BaseRoute]) -> None:
    """Refuse routes that nobody has decided about.

    Raises:
        RouteWithoutPermission: naming each of them.
    """
    undecided = [route.path for route in _api_routes(routes) if not _is_decided(route)]
    if undecided:
        raise RouteWithoutPermission(
            f"routes without a row in domain.permissions: {', '.join(undecided)}"
        )


def action_of(route: APIRoute) -> Action | None:
    """Return the action that the route's guard asks for, None for a public one."""
    guards = [call for call in _calls(route.dependant) if isinstance(call, Guard)]
    return guards[0].action if guards else None


def _is_decided(route: APIRoute) -> bool:
    action = action_of(route)
    return action in PERMISSIONS if action else route.path in PUBLIC_ROUTES


def _api_routes(routes: Sequence[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif isinstance(route, Mount) and route.routes:
            yield from _api_routes(route.routes)


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        if dependency.call is not None:
            yield dependency.call
        yield from _calls(dependency)
