"""Assemble the API's routes on an application."""

from fastapi import FastAPI, Request, Response

from axon_factory.api.errors import install_error_handlers
from axon_factory.api.middleware import EdgeOptions, add_edge
from axon_factory.api.rate_limits import RateLimits
from axon_factory.api.routers import (
    audit,
    auth,
    bulk,
    decisions,
    deliveries,
    events,
    feeds,
    health,
    hints,
    keys,
    line,
    listing,
    notifications,
    orders,
    plans,
    portal_links,
    products,
    questions,
    reading,
    repositories,
    reviewing,
    sessions,
    users,
)
from axon_factory.api.services import ApiServices
from axon_factory.api.writing import AnsweredBefore

__all__ = ["add_api"]


def add_api(app: FastAPI, services: ApiServices, edge: EdgeOptions) -> None:
    """Add routes, error handlers and the HTTP edge of the API to `app`."""
    app.state.services = services
    app.state.rate_limits = RateLimits(services.database, edge.quotas)
    install_error_handlers(app)
    _install_replays(app)
    modules = (
        health,
        auth,
        users,
        keys,
        products,
        bulk,
        orders,
        events,
        feeds,
        listing,
        line,
        reading,
        decisions,
        reviewing,
        hints,
        questions,
        sessions,
        plans,
        portal_links,
        repositories,
        audit,
        notifications,
        deliveries,
    )
    for module in modules:
        app.include_router(module.router)
    add_edge(app, edge)


def _install_replays(app: FastAPI) -> None:
    @app.exception_handler(AnsweredBefore)
    async def _again(_request: Request, before: AnsweredBefore) -> Response:  # pyright: ignore[reportUnusedFunction] — registered
        return before.response
