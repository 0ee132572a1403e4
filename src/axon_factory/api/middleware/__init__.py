"""The HTTP edge in pure ASGI: what is refused before a route is asked, and what every answer says.

From the outside in: an id, the client's address behind a trusted proxy, the fields of every answer,
CORS, failures as answers; then the refusals, from the cheapest to the dearest; then HEAD and
compression.
"""

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from axon_factory.api.middleware.guards import BodyGuard, HeadGuard
from axon_factory.api.middleware.incoming import (
    EdgeOptions,
    Failures,
    HeadAsGet,
    RateLimited,
    RateLimitFields,
    RequestCap,
)
from axon_factory.api.middleware.outgoing import Compression, Cors, RequestId, ResponseHeaders
from axon_factory.api.versioning import ApiVersions

__all__ = ["EdgeOptions", "add_edge", "behind_proxies"]


def add_edge(app: FastAPI, options: EdgeOptions) -> None:
    """Put the edge around `app`; `app.state.rate_limits` must be there when requests come."""
    layers = [
        Middleware(RequestId),
        *_proxies(options),
        Middleware(ResponseHeaders, https=options.https),
        Middleware(RateLimitFields),
        *([Middleware(Cors, origins=options.origins)] if options.origins else []),
        Middleware(ApiVersions),
        Middleware(Failures),
        Middleware(RequestCap, most=options.max_requests_at_once),
        Middleware(HeadGuard, options=options),
        Middleware(RateLimited),
        Middleware(BodyGuard, options=options),
        Middleware(HeadAsGet),
        Middleware(Compression),
    ]
    # Before routes are added by others, after whatever middleware there is.
    app.user_middleware.extend(layers)


def behind_proxies(app: ASGIApp, options: EdgeOptions) -> ASGIApp:
    """Return `app` as it is asked: with the client's address that trusted proxies tell."""
    for layer in _proxies(options):
        app = layer.cls(app, *layer.args, **layer.kwargs)
    return app


def _proxies(options: EdgeOptions) -> list[Middleware]:
    """Believe X-Forwarded-For and -Proto of trusted proxies: the rightmost hop that is not one."""
    if not options.trusted_proxies:
        return []
    trusted = list(options.trusted_proxies)
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)]
