"""Reads a request's body up to its limit and lets only JSON pass that everybody reads alike."""

from email.message import Message as MediaType

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon_factory.api.json_text import check_json
from axon_factory.api.middleware.head import has_body
from axon_factory.api.middleware.options import STREAMED, EdgeOptions
from axon_factory.api.refusals import MalformedRequest, PayloadTooLarge, UnsupportedContent

__all__ = ["BodyGuard"]

_TAKE_JSON = ("/api/", "/mcp")
"""Pages take forms."""

_READS_ITSELF = "/mcp"
"""It answers what is no JSON as its own protocol has it, within the same limits."""


class BodyGuard:
    """Reads each body once, whole, and gives it on as one message."""

    def __init__(self, app: ASGIApp, options: EdgeOptions) -> None:
        """`app` gets the requests that pass."""
        self._app = app
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        Raises:
            PayloadTooLarge: the body is larger than the limit, or says that it will be.
            UnsupportedContent: it is not JSON in UTF-8.
            MalformedRequest: it is not as long as it says.
            ValidationFailed: it is not JSON within the limits.
        """
        if (
            scope["type"] != "http"
            or not has_body(headers := Headers(scope=scope))
            or STREAMED.fullmatch(scope["path"])
        ):
            await self._app(scope, receive, send)
            return
        announced = int(headers.get("content-length", "0"))
        if announced > self._options.max_body_bytes:
            raise self._too_large()
        body = await self._read(receive)
        if body is None:
            return
        if "content-length" in headers and announced != len(body):
            raise MalformedRequest(
                "El cuerpo no mide lo que dice Content-Length",
                message_en="The body is not as long as Content-Length says",
            )
        if body and scope["path"].startswith(_TAKE_JSON):
            _check_media_type(headers.get("content-type", ""))
            if not scope["path"].startswith(_READS_ITSELF):
                check_json(body, self._options.json)
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body, None if the caller has gone."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if len(body) > self._options.max_body_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> PayloadTooLarge:
        most = self._options.max_body_bytes
        return PayloadTooLarge(
            f"El cuerpo admite como máximo {most} bytes",
            message_en=f"The body may have at most {most} bytes",
        )


def _check_media_type(content_type: str) -> None:
    media_type = MediaType()
    media_type["Content-Type"] = content_type
    kind = media_type.get_content_type()
    is_json = kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
    if not is_json or (media_type.get_content_charset("utf-8") not in {"utf-8", "utf8"}):
        raise UnsupportedContent(
            "El cuerpo debe ser application/json en UTF-8",
            message_en="The body must be application/json in UTF-8",
        )


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
