"""The API and the pages as one ASGI application.

Apart from the factory, because importing it takes a second of which a worker and the command line
need nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import BaseRoute

from axon_factory import __version__
from axon_factory.adapters.git_host.local import resolve_file
from axon_factory.adapters.planner.catalogue import CataloguePlanner
from axon_factory.api.app import add_api
from axon_factory.api.authentication import current_principal, require
from axon_factory.api.json_text import JsonLimits
from axon_factory.api.middleware import EdgeOptions
from axon_factory.api.openapi import install_openapi
from axon_factory.api.rate_limits import Quotas
from axon_factory.api.routes import check_routes
from axon_factory.api.services import AccessServices, ApiServices
from axon_factory.domain.addresses import origin_of
from axon_factory.domain.permissions import Action
from axon_factory.mcp import McpEndpoint, mcp_route
from axon_factory.realtime.stream import stream_router
from axon_factory.settings import Settings
from axon_factory.web import home, portal, reference

if TYPE_CHECKING:
    from axon_factory.bootstrap.factory import Factory

__all__ = ["application_of"]


def application_of(factory: "Factory") -> FastAPI:
    """Return the API and the pages over the services of `factory`."""
    settings = factory.settings
    app = FastAPI(
        title="Axon Factory",
        version=__version__,
        description="API de órdenes de la fábrica de autopilotos",
        # FastAPI's own reference pages load their scripts from elsewhere, and its document
        # does not know what the edge answers.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # It redirects to whatever the Host header says.
        redirect_slashes=False,
    )
    add_api(app, _services(factory), _edge_options(settings))
    app.include_router(stream_router(factory.database, factory.signals, require(Action.READ_ORDER)))
    app.state.portal = portal.PortalServices(
        factory.database, factory.portal_links, settings.support_email
    )
    app.include_router(portal.router)
    app.include_router(home.router)
    app.include_router(reference.router)
    if settings.mcp:
        app.router.routes.append(_mcp_route(app, settings))
    install_openapi(app, settings.base_url)
    check_routes(app.routes)
    return app


def _services(factory: "Factory") -> ApiServices:
    repositories = factory.data_dir / "repositories"

    def repository_file(slug: str, path: str) -> Path | None:
        return resolve_file(repositories, slug, path)

    return ApiServices(
        database=factory.database,
        policy=factory.policy,
        authenticator=factory.authenticator,
        access=AccessServices(
            factory.passwords, factory.sessions, factory.api_keys, factory.system_tokens
        ),
        secret_box=factory.secret_box,
        planner=CataloguePlanner(),
        repository_file=repository_file,
        machine=factory.machine,
        outbound=factory.outbound,
    )


def _mcp_route(app: FastAPI, settings: Settings) -> BaseRoute:
    origins = {*settings.cors_origins, origin_of(settings.base_url)}
    return mcp_route(McpEndpoint(app, current_principal, origins=origins))


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
