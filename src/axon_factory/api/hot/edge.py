"""What stands in front of the application and takes what is plain."""

import re
from collections.abc import Awaitable, Callable
from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon_factory.api.hot.answer import Answers
from axon_factory.api.hot.creating import OrderCreations
from axon_factory.api.hot.lists import OrderLists
from axon_factory.api.hot.patching import OrderReports
from axon_factory.api.hot.plain import PlainHeads, PlainRequest
from axon_factory.api.hot.reading import OrderReads, Reply
from axon_factory.api.hot.writing import (
    CommitFailed,
    WriteRoute,
    Written,
    is_plain_write,
    read_body,
)
from axon_factory.api.middleware.incoming import EdgeOptions
from axon_factory.api.rate_limits import Kind, RateLimits
from axon_factory.api.routers.reading import list_links
from axon_factory.api.services import ApiServices

__all__ = ["HotPaths", "Reply"]

_ORDERS = "/api/orders"
_ORDERS_RAW = _ORDERS.encode()
_WRITES = frozenset({"POST", "PATCH"})
_ORDER = re.compile(
    r"/api/orders/(?:(ORD-\d{4}-\d{3,10})"
    r"|([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}))",
    re.ASCII,
)


def _failing(error: Exception) -> Receive:
    """Return what raises `error` inside the application, whose answer is that of any failure."""

    async def fail() -> Message:
        raise error

    return fail


class HotPaths:
    """Answers plain requests of hot routes; the others pass on to the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        services: ApiServices,
        limits: RateLimits,
        options: EdgeOptions,
    ) -> None:
        """`app` gets whatever is not answered here."""
        self._app = app
        self._limits = limits
        self._most = options.max_requests_at_once
        self._running = 0
        self._heads = PlainHeads(services.authenticator, options)
        self._answers = Answers(https=options.https)
        reads = OrderReads(services)
        self._of_order: dict[str, Callable[[PlainRequest, UUID | str], Awaitable[Reply | None]]] = {
            "": reads.one,
            "/logs": reads.log,
            "/events": reads.events,
            "/result": reads.result,
        }
        self._lists = OrderLists(services, list_links)
        self._reports = OrderReports(services, limits, options.json)
        self._creations = OrderCreations(services, limits, options.json)
        self._most_body = options.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        is_ours = scope["type"] == "http" and scope["path"].startswith(_ORDERS)
        if is_ours and self._running < self._most:
            self._running += 1
            try:
                after = await self._after(scope, receive, send)
            finally:
                self._running -= 1
            if after is None:
                return
            receive = after
        await self._app(scope, receive, send)

    async def _after(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Return what the application is to read, None for a request that was answered."""
        if scope["method"] in _WRITES:
            return await self._after_write(scope, receive, send)
        route = self._route(scope)
        if route is not None and await self._answered(scope, route, send):
            return None
        return receive

    async def _after_write(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        route = self._write_route(scope)
        request = None if route is None else self._heads.read(scope)
        if route is None or request is None or not is_plain_write(request, self._most_body):
            return receive
        body = await read_body(request, receive)
        written = None
        if body.is_whole and len(body.content) == request.body_bytes:
            written = await route(request, body.content)
        match written:
            case None:
                return body.again(receive)
            case CommitFailed():
                return _failing(written.error)
            case Written():
                await self._answers.send(
                    send,
                    written.answer,
                    request_id=request.request_id,
                    charge=written.charge,
                    gzip=False,
                )
                return None

    def _write_route(self, scope: Scope) -> WriteRoute | None:
        if scope["method"] == "POST" and scope["raw_path"] == _ORDERS_RAW:
            return self._creations.create
        if scope["method"] != "PATCH" or b"%" in scope["raw_path"]:
            return None
        match = _ORDER.fullmatch(scope["path"])
        if match is None:
            return None
        reference = match[1] or UUID(match[2])
        return lambda request, body: self._reports.patch(request, reference, body)

    async def _answered(
        self, scope: Scope, route: "Callable[[PlainRequest], Awaitable[Reply | None]]", send: Send
    ) -> bool:
        request = self._heads.read(scope)
        if request is None:
            return False
        reply = await route(request)
        if reply is None:
            return False
        principal, answer = reply
        kind = Kind.READS if answer.is_read else Kind.WRITES
        charge = self._limits.taken(kind, principal.id) or await self._limits.spend(
            kind, principal.id
        )
        if charge is not None and charge.refused:
            return False
        await self._answers.send(
            send, answer, request_id=request.request_id, charge=charge, gzip=request.gzip
        )
        return True

    def _route(self, scope: Scope) -> "Callable[[PlainRequest], Awaitable[Reply | None]] | None":
        if scope["method"] != "GET" or b"%" in scope["raw_path"]:
            return None
        if scope["path"] == _ORDERS:
            return self._lists.page
        match = _ORDER.match(scope["path"])
        if match is None:
            return None
        read = self._of_order.get(scope["path"][match.end() :])
        if read is None:
            return None
        reference = match[1] or UUID(match[2])
        return lambda request: read(request, reference)
