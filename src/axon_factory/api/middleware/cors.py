"""Cross-origin requests of browsers: for the origins that the owner names, and no cookie ever."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

__all__ = ["Cors"]

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_REQUEST_HEADERS = (
    "Authorization",
    "Axon-Version",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-API-Key",
    "X-Request-Id",
)
_EXPOSED = (
    "Axon-Version",
    "Content-Language",
    "Deprecation",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "X-Request-Id",
)


class Cors(CORSMiddleware):
    """Starlette's, whose preflight answers 400 in plain text; browsers ask for no error."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        """`origins` are exact, such as https://panel.example."""
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_EXPOSED,
            max_age=3600,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Say what is allowed; the browser refuses the rest itself (Fetch standard §4.8)."""
        answer = super().preflight_response(request_headers)
        names = [name for name in answer.headers if not name.startswith("content-")]
        return Response(status_code=204, headers={name: answer.headers[name] for name in names})
