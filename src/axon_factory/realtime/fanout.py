"""The one fan-out of a process: it reads each change once and tells whoever follows its order.

A notification only wakes it. What has changed is what `feed_positions` has after the last position
that was read, so that a lost notification costs time (`_LOOK_SECONDS`) and no update, and so does a
server that was away. While nobody listens nothing is read.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from axon_factory.db.sessions import Database
from axon_factory.orders.news import (
    MOST_NEWS,
    News,
    Place,
    is_still_there,
    newest_place,
    read_news,
)
from axon_factory.realtime.signals import OrderSignals
from axon_factory.realtime.update import Update

__all__ = ["Fanout", "Follower"]

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 2.0
_GATHER_SECONDS = 0.004
"""Between two reads: what is committed meanwhile comes with one statement."""
_LONGEST_PAUSE_SECONDS = 2.0
_MOST_AT_ONCE = 200
"""How many followers are told before others of the loop have a turn."""


class Follower(Protocol):
    """Who is told. No method may wait or raise."""

    @property
    def order_id(self) -> UUID | None:
        """The order to be told of; None for all of them."""
        ...

    def tell(self, update: Update) -> None:
        """Take an update; whether the reader may see it, and asked for it, is still to decide."""
        ...

    def restart(self) -> None:
        """Learn that the database is another one than it was: what was told may not hold."""
        ...

    def stop(self) -> None:
        """Learn that nothing more will be told: the process is shutting down."""
        ...


class Fanout:
    """Tells followers of what is committed, in the order of the commits."""

    def __init__(self, database: Database, signals: OrderSignals) -> None:
        self._database = database
        self._signals = signals
        self._of_order: defaultdict[UUID, dict[Follower, None]] = defaultdict(dict)
        self._of_all: dict[Follower, None] = {}
        self._tail: asyncio.Task[None] | None = None
        self._knows_place = asyncio.Event()
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """True once the process is shutting down: streams end then."""
        return self._is_over

    async def follow(self, follower: Follower) -> None:
        """Have `follower` told of whatever is committed from now on.

        Some of what was committed before may be told, too. So who reads the tables after this
        misses nothing.
        """
        order_id = follower.order_id
        group = self._of_all if order_id is None else self._of_order[order_id]
        group[follower] = None
        if self._is_over:
            follower.stop()
            return
        if self._tail is None:
            self._tail = asyncio.create_task(self._run(), name="fanout")
        try:
            await self._knows_place.wait()
        except BaseException:
            self.leave(follower)
            raise

    def leave(self, follower: Follower) -> None:
        """Tell `follower` no more."""
        order_id = follower.order_id
        if order_id is None:
            self._of_all.pop(follower, None)
        elif order_id in self._of_order:
            self._of_order[order_id].pop(follower, None)
            if not self._of_order[order_id]:
                del self._of_order[order_id]

    async def close(self) -> None:
        """Have streams end, and read no more."""
        self._is_over = True
        for follower in [*self._followers()]:
            follower.stop()
        tail, self._tail = self._tail, None
        if tail is not None:
            tail.cancel()
            await asyncio.wait({tail})

    def _followers(self) -> Iterator[Follower]:
        return chain(self._of_all, *self._of_order.values())

    async def _run(self) -> None:
        place: Place | None = None
        pause, was_away = 0.1, False
        with self._signals.watch() as news:
            while self._of_all or self._of_order:
                news.look()
                try:
                    place, found = await self._read(place, check=was_away)
                    self._knows_place.set()
                    for one in found:
                        # Before it is told: what cannot be told must not be tried for ever.
                        place = Place(one.position, one.order_id, one.seq)
                        await self._tell(Update(one))
                except Exception as error:  # noqa: BLE001 — whatever it was, readers only wait
                    known = isinstance(error, (psycopg.Error, PoolTimeout, OSError))
                    _log.warning(
                        "fanout waits",
                        retry_in=pause,
                        error=type(error).__name__,
                        exc_info=None if known else error,
                    )
                    await asyncio.sleep(pause)
                    pause, was_away = min(pause * 2, _LONGEST_PAUSE_SECONDS), True
                    continue
                pause, was_away = 0.1, False
                if len(found) < MOST_NEWS:
                    await asyncio.sleep(_GATHER_SECONDS)
                    await news.wait(_LOOK_SECONDS)
        # Nothing is awaited from the last look at who follows to here.
        self._knows_place.clear()
        self._tail = None

    async def _read(self, place: Place | None, *, check: bool) -> tuple[Place, Sequence[News]]:
        async with self._database.raw() as connection:
            if place is None:
                return await newest_place(connection), ()
            if check and not await is_still_there(connection, place):
                _log.warning("the feed is another one: readers begin anew")
                for follower in [*self._followers()]:
                    follower.restart()
                return await newest_place(connection), ()
            return place, await read_news(connection, place.position)

    async def _tell(self, update: Update) -> None:
        followers = [*self._of_all, *self._of_order.get(update.order_id, ())]
        for number, follower in enumerate(followers, 1):
            follower.tell(update)
            if number % _MOST_AT_ONCE == 0:
                await asyncio.sleep(0)
