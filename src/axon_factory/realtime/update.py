"""One event as it is told: made into JSON once for each audience, however many listen."""

from typing import Any
from uuid import UUID

from pydantic_core import to_json
from websockets.frames import Frame, Opcode

from axon_factory.domain.permissions import Principal
from axon_factory.orders.answers.events import log_entry
from axon_factory.orders.feed import cursor_of
from axon_factory.orders.news import News

__all__ = ["Update", "frame_of", "sse_event"]


def frame_of(document: object) -> bytes:
    """Return a message as the bytes of its WebSocket frame: those of servers are not masked."""
    data = document if isinstance(document, bytes) else to_json(document)
    return Frame(Opcode.TEXT, data).serialize(mask=False)


def sse_event(name: str, event_id: str | None, data: bytes) -> bytes:
    """Return a server-sent event; `data` is JSON on one line."""
    head = b"" if event_id is None else b"id: %s\n" % event_id.encode()
    return head + b"event: %s\ndata: %s\n\n" % (name.encode(), data)


class Update:
    """An event that is being told."""

    __slots__ = ("_made", "news")

    def __init__(self, news: News) -> None:
        self.news = news
        self._made: dict[tuple[object, ...], bytes] = {}

    @property
    def order_id(self) -> UUID:
        """The order that it is about."""
        return self.news.order_id

    @property
    def cursor(self) -> str:
        """Where the feed of all orders goes on after it."""
        return cursor_of(self.news.position, self.news.order_id, self.news.seq)

    def data(self, principal: Principal, *, of_all: bool) -> bytes:
        """Return the message as `principal` may read it, as JSON.

        `of_all` adds the cursor, for who follows many orders and resumes with it.
        """
        key = (*self._audience(principal), of_all)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = to_json(self._document(principal, of_all=of_all))
        return made

    def frame(self, principal: Principal, *, of_all: bool) -> bytes:
        """Return the message as a WebSocket frame."""
        key = (*self._audience(principal), of_all, "frame")
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = frame_of(self.data(principal, of_all=of_all))
        return made

    def event(self, principal: Principal, *, of_all: bool) -> bytes:
        """Return the message as a server-sent event."""
        event_id = self.cursor if of_all else str(self.news.seq)
        return sse_event("order_update", event_id, self.data(principal, of_all=of_all))

    def _audience(self, principal: Principal) -> tuple[object, ...]:
        # People read their own name; apart from that what is told depends on the grant alone.
        own = not principal.is_staff and principal.id == self.news.actor
        return principal.grant, own

    def _document(self, principal: Principal, *, of_all: bool) -> dict[str, Any]:
        news = self.news
        event: Any = news
        document: dict[str, Any] = {
            "type": "order_update",
            "order_id": str(news.order_id),
            "estado": news.estado,
            "progreso": news.progreso,
            "last_log": log_entry(event, principal),
            "seq": news.seq,
        }
        return document | {"cursor": self.cursor} if of_all else document
