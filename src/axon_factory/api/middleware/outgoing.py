"""What an answer carries on its way out: its id, the fields of each answer, CORS, compression."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import (
    DEFAULT_EXCLUDED_CONTENT_TYPES,
    GZipResponder,
    IdentityResponder,
)
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon_factory.failpoints import failpoint

__all__ = [
    "COMPRESSION_LEVEL",
    "SMALLEST_COMPRESSED",
    "Compression",
    "Cors",
    "RequestId",
    "ResponseHeaders",
    "security_fields",
    "takes_gzip",
    "well_formed_id",
]

# OWASP's REST security cheat sheet; a page of ours says its own, laxer policy.
_DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
_ONE_YEAR = "max-age=31536000"


def security_fields(*, https: bool) -> Mapping[str, str]:
    """Return the fields of every answer; `https` adds HSTS: browsers then ask by TLS alone."""
    return {**_DEFAULTS, **({"Strict-Transport-Security": _ONE_YEAR} if https else {})}


class ResponseHeaders:
    """Adds the security headers that an answer has not set itself."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        """`https` adds HSTS: browsers then never ask without TLS (RFC 6797)."""
        self._app = app
        self._defaults = security_fields(https=https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._defaults.items():
                    headers.setdefault(name, value)
                failpoint("response:before")
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                failpoint("response:after")

        await self._app(scope, receive, guarded)


# What proxies and tracers send: UUIDs, ULIDs, hexadecimal, dotted paths of spans.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,127}")


def well_formed_id(given: str) -> bool:
    """Return whether a caller's `X-Request-Id` is taken over."""
    return _WELL_FORMED.fullmatch(given) is not None


class RequestId:
    """Takes the caller's `X-Request-Id` if it is well-formed, or makes one."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is what answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if well_formed_id(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, named)


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


SMALLEST_COMPRESSED = 1024
COMPRESSION_LEVEL = 4
"""Of zlib: a list of orders shrinks to 15 % in half a millisecond; 9 takes four times as long."""
_EXCLUDED = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    "application/x-git-upload-pack-advertisement",
    "application/x-git-upload-pack-result",
)
_NOT_COMPRESSED = ("/portal/",)
_NEVER = re.compile(r";\s*q\s*=\s*0(\.0{0,3})?\s*$")
_NOT_MODIFIED = 304


class Compression:
    """Sends with gzip what is larger than 1 kB, and says that it depends on `Accept-Encoding`."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is what answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or scope["path"].startswith(_NOT_COMPRESSED)
        ):
            await self._app(scope, receive, send)
            return

        async def varying(message: Message) -> None:
            # What a cache has is told apart by the fields of the 304, too (RFC 9110 §15.4.5).
            if message["type"] == "http.response.start" and message["status"] == _NOT_MODIFIED:
                MutableHeaders(scope=message).add_vary_header("Accept-Encoding")
            await send(message)

        gzip = takes_gzip(Headers(scope=scope).getlist("accept-encoding"))
        responder = (
            GZipResponder(
                self._app, SMALLEST_COMPRESSED, COMPRESSION_LEVEL, exclude_content_types=_EXCLUDED
            )
            if gzip
            else IdentityResponder(self._app, SMALLEST_COMPRESSED, exclude_content_types=_EXCLUDED)
        )
        await responder(scope, receive, varying)


def takes_gzip(fields: list[str]) -> bool:
    """Return whether `Accept-Encoding` allows gzip (RFC 9110 §12.5.3); without it nothing does."""
    wishes = {
        item.partition(";")[0].strip().lower(): _NEVER.search(item) is None
        for field in fields
        for item in field.split(",")
    }
    return wishes.get("gzip", wishes.get("x-gzip", wishes.get("*", False)))
