"""Pure ASGI middleware: limits before anything is parsed, headers and failpoints after."""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon_factory.api.errors import error_answer
from axon_factory.domain.errors import AxonError
from axon_factory.failpoints import failpoint

__all__ = ["BodyLimit", "ResponseGuard"]


class PayloadTooLarge(AxonError):
    """The body is larger than this service reads."""

    codigo = "cuerpo_demasiado_grande"
    status = 413
    title = "Payload too large"
    title_en = "Payload too large"


class BodyLimit:
    """Refuses bodies over a limit before they are read into memory."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        """`max_bytes` is the largest body that is read."""
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                await self._refuse(scope, receive, send)
                return
            if not message.get("more_body", False):
                break
        await self._app(scope, _replay(bytes(body), receive), send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = PayloadTooLarge(
            f"El cuerpo admite como máximo {self._max_bytes} bytes",
            message_en=f"The body may have at most {self._max_bytes} bytes",
        )
        await error_answer(Request(scope), error)(scope, receive, send)


class ResponseGuard:
    """Marks answers of the API as private, and makes leaving the process a failpoint."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is what answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
                failpoint("response:before")
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                failpoint("response:after")

        await self._app(scope, receive, guarded)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
