"""How uvicorn serves the application: bounded in time and size, and silent about itself."""

from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from axon_factory.api.http_protocol import BoundedHttpProtocol

__all__ = ["ServerLimits", "uvicorn_config"]

_SHUTDOWN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one connection may take of time and memory."""

    request_timeout_seconds: float = 15.0
    """In which a request must have arrived whole, from its connection or its first byte."""
    keep_alive_seconds: int = 20
    """After which an idle connection is closed."""
    max_head_bytes: int = 64 * 1024
    """Of a request line and header fields together, before the parser has understood them."""
    linger_seconds: float = 10.0
    """For which a body is still dropped after an early answer that ends its connection."""
    linger_bytes: int = 64 * 1024 * 1024
    """Of a body that are dropped after an early answer."""


def uvicorn_config(app: FastAPI, limits: ServerLimits) -> uvicorn.Config:
    """Return the configuration of a server of `app`.

    uvicorn's `limit_concurrency` stays unset: it answers in plain text; `RequestCap` does the same
    in the documented shape. Its own `proxy_headers` are off: the edge knows the trusted ones.
    """

    class Protocol(BoundedHttpProtocol):
        request_timeout_seconds = limits.request_timeout_seconds
        max_head_bytes = limits.max_head_bytes
        linger_seconds = limits.linger_seconds
        linger_bytes = limits.linger_bytes

    return uvicorn.Config(
        app,
        http=Protocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
