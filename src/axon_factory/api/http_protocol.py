"""How uvicorn serves the application: bounded in time and size, and silent about itself.

Its HTTP protocol gets what it lacks: a deadline, a bound, and answers that arrive. An answer that
is given before the request has arrived whole is lost if the connection is closed at once: the bytes
that still come are answered by a reset, and the reset discards what the client has not read yet
(RFC 9112 §9.6). So the connection is closed in two steps, as nginx's `lingering_close` does.
"""

import asyncio
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from axon_factory.api.errors import plain_error_body
from axon_factory.api.refusals import HeadersTooLarge, MalformedRequest, RequestTimedOut
from axon_factory.api.websocket_protocol import FrameProtocol
from axon_factory.domain.errors import AxonError

__all__ = [
    "BoundedHttpProtocol",
    "ServerLimits",
    "uvicorn_config",
]


class BoundedHttpProtocol(HttpToolsProtocol):
    """Cuts a connection whose request does not arrive whole in time, or whose head is endless.

    The clock runs from the connection, or from a later request's first byte, to the last byte of
    the body. A body that pours in faster than it is read is the body guard's business.
    """

    request_timeout_seconds = 15.0
    max_head_bytes = 64 * 1024
    linger_seconds = 10.0
    linger_bytes = 64 * 1024 * 1024

    _deadline: asyncio.TimerHandle | None = None
    _has_ended = False
    _head_bytes: int | None = None
    """Bytes that came since the head began; None outside of a head."""
    _is_arriving = False
    """A request has begun, and it is neither whole nor answered."""
    _is_whole = True
    """No request has begun whose end has not come."""
    _dropped_bytes = 0
    """Of the body of a request that was answered before it was whole."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] — as uvicorn's own
        """Start the clock."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what comes after the end is dropped."""
        if self._has_ended or (not self._is_whole and not self._is_arriving):
            self._dropped_bytes += len(data)
            if self._dropped_bytes > self.linger_bytes:
                self.transport.close()
                return
        if self._has_ended:
            return
        self._start_clock()
        super().data_received(data)
        if self._head_bytes is not None and not self._has_ended:
            self._head_bytes += len(data)
            if self._head_bytes > self.max_head_bytes:
                most = self.max_head_bytes
                self._refuse(
                    HeadersTooLarge(
                        f"La cabecera admite como máximo {most} bytes",
                        message_en=f"The head may have at most {most} bytes",
                    )
                )

    def handle_websocket_upgrade(self) -> None:
        """Stop the clock: the connection is a WebSocket's from here on."""
        self._has_ended = True
        self._stop_clock()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Start the clock for a request that follows another on its connection."""
        self._start_clock()
        self._head_bytes = 0
        self._is_arriving = True
        self._is_whole = False
        self._dropped_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Leave the size of the head to the head guard, and the end of the connection to us."""
        self._head_bytes = None
        super().on_headers_complete()
        if self.cycle is not None:  # pyright: ignore[reportUnnecessaryComparison] — None if it asks for a WebSocket
            self.cycle.transport = _AnswerTransport(self)

    def on_message_complete(self) -> None:
        """Stop the clock: the request is here."""
        self._stop_clock()
        self._is_arriving = False
        self._is_whole = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Let the rest of a body that was refused run into the deadline unanswered."""
        self._is_arriving = False
        if self._has_ended:
            self.server_state.total_requests += 1
            return  # no further request is answered
        super().on_response_complete()

    def close_after_answer(self) -> None:
        """Close: at once if nothing of a request is missing, else in two steps."""
        if self._is_whole and not self._has_ended:
            self.transport.close()
        else:
            self._linger()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the documented shape (`msg` is uvicorn's, in plain text)."""
        del msg
        self._refuse(
            MalformedRequest(
                "La solicitud no es HTTP/1.1 válido",
                message_en="The request is not valid HTTP/1.1",
            )
        )

    def _start_clock(self) -> None:
        if self._deadline is None and not self._has_ended:
            self._deadline = self.loop.call_later(self.request_timeout_seconds, self._run_out)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _run_out(self) -> None:
        self._deadline = None
        if not self._is_arriving:
            self.transport.close()  # who asks for nothing is told nothing
            return
        self._refuse(
            RequestTimedOut(
                "La solicitud no llegó completa a tiempo",
                message_en="The request did not arrive whole in time",
            )
        )

    def _refuse(self, error: AxonError) -> None:
        """Answer and close, after the answer that is under way if there is one."""
        self._has_ended = True
        self._stop_clock()
        if self.transport.is_closing():
            return
        if self._is_answering():
            self.cycle.keep_alive = False
            return
        body = plain_error_body(error)
        head = (
            b"content-type: application/json\r\ncontent-language: es\r\n"
            b"cache-control: no-store\r\nx-content-type-options: nosniff\r\n"
            b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        self.transport.write(STATUS_LINE[error.status] + head + body)
        self._linger()

    def _linger(self) -> None:
        """Send the end, then drop what comes until the client's end, or too much or too late."""
        self._has_ended = True
        self._stop_clock()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._deadline = self.loop.call_later(self.linger_seconds, self.transport.close)

    def _is_answering(self) -> bool:
        """Return whether a request that arrived whole is being worked on."""
        cycle = self.cycle
        return cycle is not None and not cycle.more_body and not cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison] — None until a request begins


class _AnswerTransport(asyncio.Transport):
    """What uvicorn writes an answer to.

    The head waits for the body that follows it at once: both leave by one call of the system.
    """

    def __init__(self, protocol: BoundedHttpProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._head: bytes | bytearray | memoryview | None = None
        self._has_begun = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._head = data
            self._protocol.loop.call_soon(self._flush)
            return
        head, self._head = self._head, None
        self._protocol.transport.write(data if head is None else b"".join((head, data)))

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        self._flush()
        self._protocol.close_after_answer()

    def _flush(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            self._protocol.transport.write(head)


_SHUTDOWN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one connection may take of time and memory."""

    request_timeout_seconds: float = 15.0
    """In which a request must have arrived whole, from its connection or its first byte."""
    keep_alive_seconds: int = 20
    """After which an idle connection is closed."""
    max_head_bytes: int = 64 * 1024
    """Of a request line and header fields together, before the parser has understood them."""
    linger_seconds: float = 10.0
    """For which a body is still dropped after an early answer that ends its connection."""
    linger_bytes: int = 64 * 1024 * 1024
    """Of a body that are dropped after an early answer."""
    max_frame_bytes: int = 16 * 1024
    """Of a message that a WebSocket's client sends."""
    ping_seconds: float = 20.0
    """After which a WebSocket's client is asked whether it lives, and in which it must answer."""


def uvicorn_config(app: FastAPI, limits: ServerLimits) -> uvicorn.Config:
    """Return the configuration of a server of `app`, or of the `front` that it has.

    uvicorn's `limit_concurrency` stays unset: it answers in plain text; `RequestCap` does the same
    in the documented shape. Its own `proxy_headers` are off: the edge knows the trusted ones.
    """

    class Protocol(BoundedHttpProtocol):
        request_timeout_seconds = limits.request_timeout_seconds
        max_head_bytes = limits.max_head_bytes
        linger_seconds = limits.linger_seconds
        linger_bytes = limits.linger_bytes

    return uvicorn.Config(
        getattr(getattr(app, "state", None), "front", app),
        http=Protocol,
        ws=FrameProtocol,
        ws_max_size=limits.max_frame_bytes,
        ws_ping_interval=limits.ping_seconds,
        ws_ping_timeout=limits.ping_seconds,
        # Compressed, each connection needs 128 KB, and deliveries take several times as long.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
