"""Routes that FastAPI completes when they are first asked for."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from axon_factory.api.authentication import Guard
from axon_factory.api.routes import (
    Route,
    RouteWithoutPermission,
    add_routes,
    check_routes,
    declared_routes,
)
from axon_factory.bootstrap.application import application_of
from axon_factory.domain.permissions import Action
from axon_factory.web.signed_in import PageGuard
from tests.support.workshop import Workshop


def test_a_route_is_completed_when_it_is_first_asked_for() -> None:
    app = _application("/ready")
    [route] = _routes(app)
    check_routes(app.routes)
    assert not _is_complete(route)
    assert route.dependant.call is _answer
    assert _is_complete(route)


def test_guards_are_those_that_fastapi_finds(workshop: Workshop) -> None:
    app = application_of(workshop.container)
    declared = [route.action for route in declared_routes(app.routes)]
    found = [_guarded_by(context.original_route) for context in iter_route_contexts(app.routes)]
    assert declared == found
    assert len({*declared} - {None}) > 30


def test_a_route_without_a_permission_stops_the_start() -> None:
    with pytest.raises(RouteWithoutPermission, match="/api/forgotten"):
        check_routes(_application("/api/forgotten").routes)


def test_a_websocket_without_a_permission_stops_the_start() -> None:
    async def endpoint(_socket: WebSocket) -> None:
        """Answer nothing."""

    app = FastAPI(openapi_url=None, docs_url=None)
    app.router.routes.append(WebSocketRoute("/ws/forgotten", endpoint))
    with pytest.raises(RouteWithoutPermission, match="/ws/forgotten"):
        check_routes(app.routes)


def test_what_a_route_lacks_is_an_attribute_error() -> None:
    [route] = _routes(_application("/ready"))
    assert getattr(route, "no_such_attribute", None) is None


async def _answer() -> None:
    """Answer nothing."""


def _application(path: str) -> FastAPI:
    router = APIRouter(route_class=Route)
    router.get(path)(_answer)
    app = FastAPI(openapi_url=None, docs_url=None)
    add_routes(app, router)
    return app


def _routes(app: FastAPI) -> list[Route]:
    return [route for route in app.routes if isinstance(route, Route)]


def _is_complete(route: Route) -> bool:
    return "dependant" in vars(route)


def _guarded_by(route: object) -> Action | None:
    if isinstance(route, WebSocketRoute):
        return getattr(route.endpoint, "action", None)
    calls = _calls(route.dependant) if isinstance(route, APIRoute) else ()
    return next((call.action for call in calls if isinstance(call, Guard | PageGuard)), None)


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
