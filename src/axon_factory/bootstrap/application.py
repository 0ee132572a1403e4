"""The API and the pages as one ASGI application.

Importing this module takes a second, which a worker and most commands save.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from axon_factory import __version__
from axon_factory.adapters.git_host import SmartHttpRepositories
from axon_factory.adapters.planner.catalogue import CataloguePlanner
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.api.answers import prefers_english
from axon_factory.api.app import add_api
from axon_factory.api.authentication import current_principal, require
from axon_factory.api.json_text import JsonLimits, check_json
from axon_factory.api.middleware import EdgeOptions
from axon_factory.api.openapi import install_openapi
from axon_factory.api.rate_limits import Quotas, charge_address
from axon_factory.api.routes import add_routes, check_routes
from axon_factory.api.services import AccessServices, ApiServices
from axon_factory.api.sockets import ApiSocketGuards
from axon_factory.bootstrap.container import Container
from axon_factory.bootstrap.shown_settings import shown_settings
from axon_factory.domain.addresses import origin_of
from axon_factory.domain.permissions import Action
from axon_factory.mcp import mcp_routes
from axon_factory.realtime.credentials import Credentials
from axon_factory.realtime.lookups import Lookups
from axon_factory.realtime.routes import socket_router
from axon_factory.realtime.services import (
    CookiePrincipal,
    SocketLimits,
    SocketServices,
    StreamServices,
)
from axon_factory.realtime.stream import stream_router
from axon_factory.settings import Settings
from axon_factory.web.routes import add_pages
from axon_factory.web.site import Site, principal_of_cookie


def application_of(container: Container) -> FastAPI:
    """Return the API and the pages over the services of `container`."""
    settings = container.settings
    app = FastAPI(
        title="Axon Factory",
        version=__version__,
        description="API de órdenes de la fábrica de autopilotos",
        # FastAPI's own reference pages load their scripts from elsewhere, and its document
        # does not know what the edge answers.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # It redirects to any host that the Host header names.
        redirect_slashes=False,
    )
    add_api(app, _services(container), _edge_options(settings))
    site = _site(app, container)
    _add_realtime(app, container, principal_of_cookie(site))
    add_pages(app, site)
    if settings.mcp:
        app.router.routes.extend(_mcp_routes(app, settings))
    install_openapi(app, settings.base_url)
    check_routes(app.routes)
    return app


def _add_realtime(app: FastAPI, container: Container, cookie_principal: CookiePrincipal) -> None:
    settings = container.settings
    streams = StreamServices(
        container.database,
        container.fanout,
        Credentials(container.database, container.authenticator),
        Lookups(container.database),
    )
    router = stream_router(streams, require(Action.READ_ORDER), require(Action.READ_FEED))
    add_routes(app, router, first=True)  # /api/orders/stream is no order's id
    sockets = SocketServices(
        streams,
        ApiSocketGuards(),
        own_origin=origin_of(settings.base_url),
        origins=settings.cors_origins,
        limits=SocketLimits(
            sockets=settings.sockets_at_once,
            connections=settings.socket_connections,
            subscriptions=settings.socket_subscriptions,
        ),
        cookie_principal=cookie_principal,
    )
    add_routes(app, socket_router(sockets, settings.base_url))


def _services(container: Container) -> ApiServices:
    return ApiServices(
        database=container.database,
        policy=container.policy,
        authenticator=container.authenticator,
        access=AccessServices(
            container.passwords,
            container.sessions,
            container.account_links,
            container.api_keys,
            container.system_tokens,
        ),
        secret_box=container.secret_box,
        planner=CataloguePlanner(),
        repositories=SmartHttpRepositories(
            container.repositories, _git_sandbox(container.settings)
        ),
        machine=container.machine,
        outbound=container.outbound,
        key_outbound=container.key_outbound,
        settings=shown_settings(container.settings),
        worker_stalled_after=container.settings.stalled_after_seconds,
        watch_orders=container.signals.watch,
    )


def _site(app: FastAPI, container: Container) -> Site:
    return Site(
        database=container.database,
        policy=container.policy,
        links=container.portal_links,
        secret_box=container.secret_box,
        sessions=container.browser_sessions,
        https=container.settings.base_url.startswith("https://"),
        api=lambda: app.state.front,
        prefers_english=prefers_english,
        charge_address=charge_address,
    )


def _git_sandbox(settings: Settings) -> Sandbox:
    """Return a sandbox over our own Python: the products' may not be installed here."""
    return Sandbox(Path(sys.executable), bubblewrap=settings.sandbox == "auto")


def _mcp_routes(app: FastAPI, settings: Settings) -> Sequence[BaseRoute]:
    limits = _edge_options(settings).json

    def endpoint() -> ASGIApp:
        from axon_factory.mcp.endpoint import McpEndpoint  # noqa: PLC0415 — see mcp.routes

        return McpEndpoint(
            app,
            current_principal,
            check_json=lambda body: check_json(body, limits),
            prefers_english=prefers_english,
            origins={*settings.cors_origins, origin_of(settings.base_url)},
        )

    return mcp_routes(endpoint)


def _edge_options(settings: Settings) -> EdgeOptions:
    """Return what the HTTP edge holds requests to."""
    return EdgeOptions(
        max_body_bytes=settings.max_body_bytes,
        max_header_bytes=settings.max_header_bytes,
        max_address_bytes=settings.max_address_bytes,
        max_requests_at_once=settings.max_requests_at_once,
        json=JsonLimits(settings.max_json_depth, settings.max_json_values),
        quotas=Quotas(
            reads=settings.rate_limit_reads,
            writes=settings.rate_limit_writes,
            costly=settings.rate_limit_costly,
            anonymous=settings.rate_limit_anonymous,
        ),
        hosts=settings.hosts,
        origins=tuple(sorted(settings.cors_origins)),
        trusted_proxies=tuple(sorted(settings.trusted_proxies)),
        https=settings.base_url.startswith("https://"),
    )
