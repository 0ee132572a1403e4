"""What holds for every request: size limit, security headers, one log line."""

import asyncio
import contextlib
import logging
import time
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 256 * 1024
MAX_FORM_FIELDS = 200
MAX_DROPPED_BYTES = 64 * 1024 * 1024
DROP_SECONDS = 10
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
log = logging.getLogger("app.http")


class _TooLargeError(Exception):
    pass


class BodyLimit:
    """Answers 413 to a body over 256 KiB, without keeping it, and takes the rest of every body.

    uvicorn closes a connection behind its answer. What then still comes of a body is answered by a
    reset, and a client that sends everything before it reads never sees the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what arrives; hold the end of an early answer back until the body is there."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        received = 0
        headers = Headers(scope=scope)
        whole = "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"

        async def limited() -> Message:
            nonlocal received, whole
            message = await receive()
            whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise _TooLargeError
            return message

        async def patient(message: Message) -> None:
            ends = message["type"] == "http.response.body" and not message.get("more_body", False)
            if ends and not whole:
                await send({**message, "more_body": True})
                await _drop_rest(receive)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        try:
            await self.app(scope, limited, patient)
        except _TooLargeError:
            answer = PlainTextResponse("El mensaje es demasiado grande.", status_code=413)
            await answer(scope, receive, patient)


async def _drop_rest(receive: Receive) -> None:
    """Read the body to its end, or as far as the limits allow."""
    dropped = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DROP_SECONDS):
            while dropped < MAX_DROPPED_BYTES:
                message = await receive()
                if not message.get("more_body", False):
                    return
                dropped += len(message.get("body", b""))


class SecurityHeaders:
    """Adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers as the answer starts."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


class RequestLog:
    """Logs method, path (never the query: it may carry a token), status and duration."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log when the answer starts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()

        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                # %r: a path may contain anything, a line break included.
                log.info(
                    "%s %r %s %.1f ms",
                    scope["method"],
                    scope["path"],
                    message["status"],
                    (time.perf_counter() - started) * 1000,
                )
            await send(message)

        await self.app(scope, receive, logged)


async def read_form(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a URL-encoded form in their order.

    Raises:
        HTTPException: 400, it is not such a form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(400, "Se esperaba un formulario.")
    try:
        text = (await request.body()).decode("utf-8")
        return parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError as error:
        raise HTTPException(400, "El formulario no se entiende.") from error
