"""How uvicorn speaks WebSocket for the application: frames are written as they are, or not at all.

The application gets the protocol itself, as the scope's extension `axon.wire`: a frame that was
made once is written to many connections without a task or a copy for each, and who does not read is
noticed and cut off. uvicorn closes a connection when all that waits was sent, which never happens
with such a reader.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

__all__ = ["FrameProtocol"]


class FrameProtocol(WebSocketsSansIOProtocol):
    """A connection that frames are written to."""

    stall_seconds = 30.0
    """For which a reader may read nothing although something waits."""
    end_seconds = 5.0
    """For which the other side may take to close."""
    _stall: asyncio.TimerHandle | None = None

    def __init__(self, *given: Any, **options: Any) -> None:  # noqa: ANN401 — uvicorn's own
        super().__init__(*given, **options)
        self.close_timeout = self.end_seconds
        self.on_writable: Callable[[], None] = _nothing

    @property
    def is_writable(self) -> bool:
        """Whether a frame may be written now."""
        return self.writable.is_set() and not self.is_over

    @property
    def is_over(self) -> bool:
        """Whether nothing is sent any more."""
        return self.close_sent or self.transport.is_closing()

    def write(self, frame: bytes) -> None:
        """Write whole frames."""
        self.transport.write(frame)

    def end(self, code: int, reason: str) -> None:
        """Close from this side; what was written before is sent first."""
        if self.close_sent or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.end_seconds, self.transport.abort)

    def handle_connect(self, event: Request) -> None:
        """Give the application this object."""
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, Any] = self.scope["extensions"]  # pyright: ignore[reportTypedDictNotRequiredAccess, reportAssignmentType] — it has just been set
            extensions["axon.wire"] = self

    def pause_writing(self) -> None:
        """Give a reader who reads nothing some time."""
        super().pause_writing()
        self._stall = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Have what waits written."""
        self._stop_stall()
        super().resume_writing()
        self.on_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the reader."""
        self._stop_stall()
        super().connection_lost(exc)
        self.on_writable()
        # Cut the cycles: see `realtime.memory`.
        self.on_writable = _nothing
        self.conn.parser.close()
        self.scope = {}  # pyright: ignore[reportAttributeAccessIssue] — nobody asks any more

    def keepalive_timeout(self) -> None:
        """Cut off who does not answer pings: they do not read what waits either."""
        super().keepalive_timeout()
        self.transport.abort()

    def shutdown(self) -> None:
        """Close, and wait for nobody for long."""
        super().shutdown()
        self.loop.call_later(1.0, self.transport.abort)

    def _stop_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def _nothing() -> None:
    """Nobody writes yet."""
