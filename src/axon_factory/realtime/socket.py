"""`/ws/orders`: who may open a connection, and from where."""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from axon_factory.domain.permissions import Action
from axon_factory.realtime.connection import Connection
from axon_factory.realtime.credentials import Admission
from axon_factory.realtime.errors import NoRoomForSockets, OriginRefused
from axon_factory.realtime.memory import SocketMemory
from axon_factory.realtime.services import SocketServices, Wire

__all__ = ["OrderSocket"]

_SCHEMES = {"ws": "http", "wss": "https"}


class OrderSocket:
    """The endpoint, as an ASGI application.

    A browser names the page's origin, and the page must be of this factory or of an origin that
    may use the API. A program names none, and needs nothing but its token. The cookie of the pages
    counts for the factory's own pages alone, for a browser sends it along whoever asks.
    """

    action = Action.READ_ORDER
    """The row of the permission table that a connection needs; filters need another as well."""

    def __init__(self, services: SocketServices) -> None:
        self._services = services
        self._memory = SocketMemory()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        connection = HTTPConnection(scope)
        guards = self._services.guards
        origin = connection.headers.get("origin")
        is_own = origin is not None and origin in self._own_origins(scope, connection.headers)
        if origin is not None and not is_own and origin not in self._services.origins:
            await guards.answer(connection, OriginRefused())(scope, receive, send)
            return
        if self._memory.open >= self._services.limits.sockets:
            await guards.answer(connection, NoRoomForSockets())(scope, receive, send)
            return
        self._memory.opened()
        try:
            cookie = await self._cookie(connection.headers) if is_own else None
            await receive()
            await send({"type": "websocket.accept"})
            wire: Wire = scope["extensions"].pop("axon.wire")
            english = guards.prefers_english(connection.headers.get("accept-language", ""))
            one = Connection(wire, connection, self._services, english=english)
            await one.run(receive, cookie)
        finally:
            self._memory.closed()

    def _own_origins(self, scope: Scope, headers: Headers) -> set[str]:
        """Return the origins of this factory: the public one, and the one that was asked."""
        scheme = _SCHEMES.get(scope["scheme"], "http")
        return {self._services.own_origin, f"{scheme}://{headers.get('host', '')}"}

    async def _cookie(self, headers: Headers) -> Admission | None:
        cookie_principal = self._services.cookie_principal
        found = None if cookie_principal is None else await cookie_principal(headers)
        return None if found is None else Admission(found[0], check=found[1])
