"""Compresses what is read, for callers that ask for it.

Only answers to GET are compressed. Tokens, keys and credentials are in answers to writes. The
portal's pages are sent as they are, too. So no length tells of a secret (BREACH). An order's answer
has the link to its own page, beside texts of the same client. No foreign page can have a browser
ask for it, because the API takes no cookie.

An order's ETag is its version, which `If-Match` takes. It is the same compressed or not: nothing
here is served in ranges, the one use for which the bytes would have to be the same.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import (
    DEFAULT_EXCLUDED_CONTENT_TYPES,
    GZipResponder,
    IdentityResponder,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Compression"]

_SMALLEST_BYTES = 1024
_LEVEL = 4
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

        takes_gzip = _takes_gzip(Headers(scope=scope).getlist("accept-encoding"))
        responder = (
            GZipResponder(self._app, _SMALLEST_BYTES, _LEVEL, exclude_content_types=_EXCLUDED)
            if takes_gzip
            else IdentityResponder(self._app, _SMALLEST_BYTES, exclude_content_types=_EXCLUDED)
        )
        await responder(scope, receive, varying)


def _takes_gzip(fields: list[str]) -> bool:
    """Return whether `Accept-Encoding` allows gzip (RFC 9110 §12.5.3); without it nothing does."""
    wishes = {
        item.partition(";")[0].strip().lower(): _NEVER.search(item) is None
        for field in fields
        for item in field.split(",")
    }
    return wishes.get("gzip", wishes.get("x-gzip", wishes.get("*", False)))
