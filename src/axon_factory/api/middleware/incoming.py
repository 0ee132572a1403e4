"""The limits of the edge, what becomes of failures, HEAD, and requests without a credential."""

import re
from dataclasses import dataclass, field

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon_factory.api.errors import error_answer
from axon_factory.api.json_text import JsonLimits
from axon_factory.api.rate_limits import Charge, Quotas, charge_address
from axon_factory.api.refusals import Overloaded
from axon_factory.db.sessions import is_unavailable, without_values
from axon_factory.domain.errors import AxonError, Unavailable
from axon_factory.domain.permissions import PUBLIC_ROUTES

__all__ = [
    "GZIP_CODINGS",
    "PROBES",
    "STREAMED",
    "EdgeOptions",
    "Failures",
    "HeadAsGet",
    "RateLimitFields",
    "RateLimited",
    "RequestCap",
]

PROBES = frozenset({"/health", "/ready"})
"""Answered under every host name and counted by no limit: probes ask often, and by address."""

STREAMED = re.compile(r"/git/[^/]+\.git/git-upload-pack")
"""Paths whose route reads, bounds and decompresses the body itself, after it knows the caller."""
GZIP_CODINGS = frozenset({"gzip", "x-gzip"})
"""What git may compress those bodies with."""


@dataclass(frozen=True, slots=True)
class EdgeOptions:
    """Sizes are in bytes; an empty `hosts` accepts every name, empty `origins` closes CORS."""

    max_body_bytes: int = 256 * 1024
    max_header_bytes: int = 32 * 1024
    max_address_bytes: int = 8 * 1024
    max_requests_at_once: int = 1000
    json: JsonLimits = field(default_factory=JsonLimits)
    quotas: Quotas = field(default_factory=Quotas)
    hosts: frozenset[str] = frozenset()
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    https: bool = False
    """The world reaches this factory over TLS only."""


class HeadAsGet:
    """Answers HEAD as GET is answered, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is asked with GET."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        ended = False

        async def without_body(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            await send(message)
            if message["type"] == "http.response.start":
                # Ending at once tells a live stream that its reader has gone.
                ended = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app({**scope, "method": "GET"}, receive, without_body)


_log = structlog.get_logger(__name__)


class Failures:
    """Answers for what is raised by the middleware below it and by nobody foreseen.

    Starlette's own handler of exceptions stands outside of all middleware: its answers would have
    no security headers, and it raises the exception again.
    """

    def __init__(self, app: ASGIApp) -> None:
        """`app` is what may fail."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "websocket":
            await self._handshake(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as failure:
            if started:
                raise
            await error_answer(Request(scope), _known(failure, scope))(scope, receive, send)

    async def _handshake(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except AxonError as refusal:  # of the guards below: nothing was accepted yet
            await error_answer(HTTPConnection(scope), refusal)(scope, receive, send)


def _known(failure: Exception, scope: Scope) -> AxonError:
    if isinstance(failure, AxonError):
        return failure
    if is_unavailable(failure):
        return Unavailable(
            "La base de datos no responde; intenta de nuevo en unos segundos",
            message_en="The database does not answer; try again in a few seconds",
        )
    known = without_values(failure) or {"exc_info": failure}
    _log.error("unforeseen error", path=scope["path"], **known)
    return AxonError("Error interno", message_en="Internal error")


class RequestCap:
    """Takes so many requests at once and no more; live streams count while they run."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        """`most` is the number of requests that this process works on at once."""
        self._app = app
        self._most = most
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        Raises:
            Overloaded: there are too many.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._running >= self._most:
            raise Overloaded
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1


_UNCOUNTED = "/static/"
"""The files of pages: each is kept by browsers, and costs less than its count."""
_COOKIES = ("axon=", "__Host-axon=")
_PAGES = ("/app", "/cuenta", "/portal", "/salir")
"""Who has one is counted by the API that the pages ask, or once it proves nothing."""
_CREDENTIALS = ("authorization", "x-api-key", "x-system-token", "x-a2a-notification-token")
_PUBLIC = [compile_path(path)[0] for path in PUBLIC_ROUTES]


class RateLimited:
    """Charges the address of a request that no guard will charge."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` gets the requests that pass."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        Raises:
            TooManyRequests: the address has used up this window.
        """
        if scope["type"] == "http" and _is_anonymous(scope):
            await charge_address(Request(scope))
        await self._app(scope, receive, send)


class RateLimitFields:
    """Adds `RateLimit` and `RateLimit-Policy` to the answer of a request that was charged."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is what answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            charge: Charge | None = scope.get("state", {}).get("charge")
            if message["type"] == "http.response.start" and charge is not None:
                MutableHeaders(scope=message).update(charge.headers)
            await send(message)

        await self._app(scope, receive, told)


def _is_anonymous(scope: Scope) -> bool:
    path: str = scope["path"]
    if path in PROBES or path.startswith(_UNCOUNTED):
        return False
    headers = Headers(scope=scope)
    cookies = headers.get("cookie", "")
    if path.startswith(_PAGES) and any(name in cookies for name in _COOKIES):
        return False
    if not any(name in headers for name in _CREDENTIALS):
        return True
    # A public route asks for no credential: one that is sent all the same proves nothing.
    return any(pattern.match(path) for pattern in _PUBLIC)
