"""Assemble the API's routes on an application."""

from fastapi import FastAPI, Request, Response

from axon_factory.api.errors import install_error_handlers
from axon_factory.api.hot.edge import HotPaths
from axon_factory.api.middleware import EdgeOptions, add_edge, behind_proxies
from axon_factory.api.rate_limits import RateLimits
from axon_factory.api.routers import (
    account_links,
    agents,
    audit,
    auth,
    decisions,
    deliveries,
    desk,
    events,
    feedback,
    invitations,
    keys,
    line,
    notifications,
    orders,
    plans,
    portal_links,
    public,
    reading,
    repositories,
    settings,
    users,
)
from axon_factory.api.routes import add_routes
from axon_factory.api.services import ApiServices
from axon_factory.api.writing import AnsweredBefore

__all__ = ["add_api"]


def add_api(app: FastAPI, services: ApiServices, edge: EdgeOptions) -> None:
    """Add routes, error handlers and the HTTP edge of the API to `app`.

    A server asks `app.state.front`, which has the hot paths in front of `app`.
    """
    app.state.services = services
    app.state.rate_limits = RateLimits(services.database, edge.quotas)
    install_error_handlers(app)
    _install_replays(app)
    routers = (
        public.probes,
        auth.router,
        account_links.router,
        users.router,
        invitations.router,
        keys.router,
        public.catalogue,
        orders.router,
        events.router,
        events.order_router,
        reading.router,
        desk.router,
        line.router,
        settings.router,
        decisions.router,
        agents.hint_router,
        agents.question_router,
        agents.router,
        plans.router,
        portal_links.router,
        feedback.router,
        repositories.router,
        audit.router,
        notifications.router,
        deliveries.router,
    )
    for router in routers:
        add_routes(app, router)
    add_edge(app, edge)
    limits = app.state.rate_limits
    hot_paths = HotPaths(app, services=services, limits=limits, options=edge)
    app.state.front = behind_proxies(hot_paths, edge)


def _install_replays(app: FastAPI) -> None:
    @app.exception_handler(AnsweredBefore)
    async def _again(_request: Request, before: AnsweredBefore) -> Response:  # pyright: ignore[reportUnusedFunction] — registered
        return before.response
