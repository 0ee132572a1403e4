"""How a route says who may ask and what it answers; one without a permission stops the start."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any, TypeVar, get_args

from fastapi import APIRouter, FastAPI
from fastapi.params import Depends
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel
from starlette.routing import BaseRoute, WebSocketRoute, compile_path, get_name

from axon_factory.domain.errors import AxonError
from axon_factory.domain.permissions import PERMISSIONS, PUBLIC_ROUTES, Action

__all__ = [
    "ERRORS",
    "VALIDATED",
    "DeclaredRoute",
    "Route",
    "RouteWithoutPermission",
    "add_routes",
    "allowed_methods",
    "answers",
    "check_routes",
    "declared_routes",
    "documented_path",
    "raises",
]


class Route(APIRoute):
    """A route that FastAPI completes when it is first asked for, or documented.

    Completing all takes a tenth of a start and 2 MB; most processes are asked for few.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 — FastAPI's, kept until then
        """Take what FastAPI gives to each route."""
        self.path = path
        self.endpoint = endpoint
        self.name = options["name"] or get_name(endpoint)
        self.methods = {method.upper() for method in options["methods"] or ("GET",)}
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.include_in_schema = bool(options["include_in_schema"])
        self.dependencies = list(options["dependencies"] or ())
        self._options: dict[str, Any] | None = options

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — any attribute of FastAPI's route
        with _completing:
            options = vars(self).pop("_options", None)
            if options is not None:
                super().__init__(self.path, self.endpoint, **options)
        return object.__getattribute__(self, name)


# The document is made in a thread, and meanwhile requests are answered.
_completing = RLock()


def add_routes(app: FastAPI, router: APIRouter, *, first: bool = False) -> None:
    """Add the routes of `router` to the application's own.

    FastAPI's `include_router` makes a second copy of each and looks at each twice a request. It is
    for prefixes, which routers have themselves here. With `first` they are asked before those that
    are there: of two that an address matches the first answers.
    """
    place = 0 if first else len(app.router.routes)
    app.router.routes[place:place] = router.routes


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
        for context in iter_route_contexts(routes)
        if compile_path(context.path or "")[0].match(path)
        for method in context.methods or ()
    }
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods | {"OPTIONS"})


def _action_of(context: RouteContext) -> Action | None:
    """Return the action of the first guard among the route's dependencies, and among theirs."""
    if isinstance(context.original_route, WebSocketRoute):
        # It authenticates by its messages: its endpoint names the action itself.
        action = getattr(context.original_route.endpoint, "action", None)
        return action if isinstance(action, Action) else None
    if not isinstance(context.original_route, APIRoute):
        return None
    calls = [one.dependency for one in context.dependencies]
    found = (_guarded_action(call) for call in [*calls, context.endpoint])
    return next((action for action in found if action is not None), None)


def _guarded_action(call: Callable[..., Any] | None) -> Action | None:
    if call is None:
        return None
    action = getattr(call, "action", None)  # of a guard, whichever room it is of
    if isinstance(action, Action):
        return action
    found = (_guarded_action(dependency) for dependency in _dependencies(call))
    return next((action for action in found if action is not None), None)


def _dependencies(call: Callable[..., Any]) -> Iterator[Callable[..., Any] | None]:
    for parameter in inspect.signature(call).parameters.values():
        marks: Iterable[object] = (parameter.default, *get_args(parameter.annotation)[1:])
        for mark in marks:
            if isinstance(mark, Depends):
                yield mark.dependency


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
