"""What every answer says to browsers and caches, and leaving the process as a failpoint."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon_factory.failpoints import failpoint

__all__ = ["ResponseHeaders"]

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


class ResponseHeaders:
    """Adds the security headers that an answer has not set itself."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        """`https` adds HSTS: browsers then never ask without TLS (RFC 6797)."""
        self._app = app
        self._defaults = dict(_DEFAULTS)
        if https:
            self._defaults["Strict-Transport-Security"] = _ONE_YEAR

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
