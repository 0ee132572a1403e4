"""Readers of server-sent events: what they missed from the tables, what comes by the fan-out."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from uuid import UUID

from pydantic_core import to_json

from axon_factory.domain.states import TERMINAL_STATES
from axon_factory.domain.text import Sentence
from axon_factory.orders.news import (
    MOST_NEWS,
    News,
    Place,
    newest_place,
    read_news,
    read_news_of,
    sees,
)
from axon_factory.realtime.credentials import Admission
from axon_factory.realtime.filters import OrderFilters
from axon_factory.realtime.following import is_far_behind
from axon_factory.realtime.outbox import Outbox
from axon_factory.realtime.services import StreamServices
from axon_factory.realtime.update import Update, sse_event

__all__ = ["FeedReading", "OrderReading"]

_HEARTBEAT_SECONDS = 10.0
_KEEP_ALIVE = b": sigue en marcha\n\n"
LOST = Sentence(
    "Lee otra vez lo que sigues: hubo más cambios de los que se repiten",
    "Read again what you follow: there were more changes than are repeated",
)
"""What a `resync` says."""


class _Reading:
    """A follower whose reader takes what it is told when it can."""

    def __init__(
        self, services: StreamServices, admission: Admission, order_id: UUID | None
    ) -> None:
        self._services = services
        self._admission = admission
        self.order_id = order_id
        self._outbox = Outbox()
        self._woken = asyncio.Event()
        self._has_ended = False
        admission.ended = self.stop

    def tell(self, update: Update) -> None:
        """Keep what the reader asked for."""
        if self.wants(update):
            self._outbox.put((update, self.order_id is None))
            self._woken.set()

    def wants(self, update: Update) -> bool:
        """Return whether the reader asked for it, and may see it."""
        return sees(self._admission.principal, update.news)

    def restart(self) -> None:
        """Begin anew."""
        self._outbox.is_lapsed = True
        self._woken.set()

    def stop(self) -> None:
        """End."""
        self._has_ended = True
        self._woken.set()

    @contextlib.asynccontextmanager
    async def _followed(self) -> AsyncGenerator[None]:
        self._services.credentials.hold(self._admission)
        try:
            await self._services.fanout.follow(self)
            yield
        finally:
            self._services.fanout.leave(self)
            self._services.credentials.release(self._admission)

    async def _wait(self) -> Sequence[Update]:
        """Return what has come, after a while nothing."""
        if not self._outbox:
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _HEARTBEAT_SECONDS)
        entries = self._outbox.take()
        return [entry[0] for entry in entries if not isinstance(entry, bytes)]

    def _event(self, update: Update) -> bytes:
        return update.event(self._admission.principal, of_all=self.order_id is None)


class OrderReading(_Reading):
    """One order's events, each of them, until it is over."""

    def __init__(
        self, services: StreamServices, admission: Admission, order_id: UUID, after: int
    ) -> None:
        """`after` is the sequence of what the reader has had."""
        super().__init__(services, admission, order_id)
        self._order = order_id
        self._after = after
        self._is_over = False

    async def frames(self) -> AsyncGenerator[bytes]:
        """Yield what follows."""
        async with self._followed():
            while not self._has_ended:
                # What was told and is not kept is in the tables, too.
                self._outbox.take()
                self._outbox.is_coalesced = self._outbox.is_lapsed = False
                async for event in self._kept():
                    yield event
                if self._is_over:
                    return
                yield _KEEP_ALIVE
                async for event in self._told():
                    yield event

    async def _kept(self) -> AsyncGenerator[bytes]:
        """Yield what the tables have."""
        principal = self._admission.principal
        now = await self._services.lookups.find(self._order, principal)
        found: Sequence[News] = ()
        while not self._has_ended and (not found or len(found) == MOST_NEWS):
            async with self._services.database.raw() as connection:
                found = await read_news_of(connection, self._order, principal, self._after)
            for news in found:
                self._after = news.seq
                yield self._event(Update(news))
            if not found:
                break
        self._is_over = now.estado in TERMINAL_STATES

    async def _told(self) -> AsyncGenerator[bytes]:
        """Yield what comes, until something was told that is not kept, or the order is over."""
        is_over = False
        while not is_over:
            updates = await self._wait()
            if self._has_ended or self._outbox.is_coalesced or self._outbox.is_lapsed:
                return
            for update in updates:
                is_over = is_over or update.news.estado in TERMINAL_STATES
                if update.news.seq > self._after:
                    self._after = update.news.seq
                    yield self._event(update)
            if not updates:
                yield _KEEP_ALIVE


class FeedReading(_Reading):
    """The events of all orders that filters let through, for as long as somebody reads."""

    def __init__(
        self,
        services: StreamServices,
        admission: Admission,
        filters: OrderFilters,
        cursor: str | None,
    ) -> None:
        """`cursor` is where the reader was; without one it begins now."""
        super().__init__(services, admission, None)
        self._cursor = cursor
        self._after = 0
        self._is_one = filters.test()
        self._newest: Update | None = None

    def tell(self, update: Update) -> None:
        """Keep what the reader asked for, and how far the feed has been read."""
        self._newest = update
        super().tell(update)

    def wants(self, update: Update) -> bool:
        """Return whether the reader asked for it, and may see it."""
        return super().wants(update) and self._is_one(update.news)

    async def frames(self) -> AsyncGenerator[bytes]:
        """Yield what follows; at first a comment, so that the reader knows it is let in."""
        async with self._followed():
            newest = await self._place()
            self._after = newest.position
            yield _KEEP_ALIVE
            if self._cursor is not None:
                position = await self._services.lookups.position(self._cursor)
                if position is None or is_far_behind(position, newest.position):
                    yield self._resync(newest.cursor)
                else:
                    self._after = position
                    async for event in self._kept(newest.position):
                        yield event
            async for event in self._told():
                yield event

    async def _kept(self, newest: int) -> AsyncGenerator[bytes]:
        """Yield what the tables have, up to a position at least."""
        while self._after < newest and not self._has_ended:
            async with self._services.database.raw() as connection:
                found = await read_news(connection, self._after)
            if not found:
                return
            for update in map(Update, found):
                self._after = update.news.position
                if self.wants(update):
                    yield self._event(update)

    async def _told(self) -> AsyncGenerator[bytes]:
        while True:
            updates = await self._wait()
            if self._has_ended:
                return
            if self._outbox.is_lapsed:
                self._outbox.is_lapsed = False
                newest = await self._place()
                self._after = newest.position
                yield self._resync(newest.cursor)
                continue
            for update in updates:
                if update.news.position > self._after:
                    self._after = update.news.position
                    yield self._event(update)
            if not updates:
                yield self._heartbeat()

    async def _place(self) -> Place:
        async with self._services.database.raw() as connection:
            return await newest_place(connection)

    def _heartbeat(self) -> bytes:
        """Return a sign of life; the id alone moves the place where the reader would resume."""
        if self._newest is None:
            return _KEEP_ALIVE
        return b"id: %s\n" % self._newest.cursor.encode() + _KEEP_ALIVE

    def _resync(self, cursor: str | None) -> bytes:
        return sse_event("resync", cursor, to_json({"type": "resync", "message": LOST}))
