"""The rate limit of callers without a credential, and the fields that tell every caller of theirs.

Those with a credential are charged where it is believed: in the guard of their route.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon_factory.api.middleware.options import PROBES
from axon_factory.api.rate_limits import Charge, charge_address
from axon_factory.domain.permissions import PUBLIC_ROUTES

__all__ = ["RateLimitFields", "RateLimited"]

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
    if path in PROBES:
        return False
    headers = Headers(scope=scope)
    if not any(name in headers for name in _CREDENTIALS):
        return True
    # A public route asks for no credential: one that is sent all the same proves nothing.
    return any(pattern.match(path) for pattern in _PUBLIC)
