"""Subscriptions of one connection: begun without a gap, resumed, ended."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from axon_factory.orders.news import (
    MOST_NEWS,
    OrderNow,
    Place,
    newest_place,
    read_news,
    read_news_of,
)
from axon_factory.realtime.errors import TooManySubscriptions
from axon_factory.realtime.messages import Subscribe, Unsubscribe
from axon_factory.realtime.services import SocketServices, give_back
from axon_factory.realtime.subscription import Reader, Subscription
from axon_factory.realtime.update import Update

__all__ = ["MOST_REPLAYED", "Following", "is_far_behind"]

MOST_REPLAYED = 1_000
"""Of one order's events; who missed more reads the order again."""
_MOST_POSITIONS = 5_000
"""Of all orders' events that are looked at for who resumes with a cursor."""
_START_SECONDS = 5.0


def is_far_behind(position: int, newest: int) -> bool:
    """Return whether more happened since `position` than is repeated."""
    return newest - position > _MOST_POSITIONS


class Speaker(Reader, Protocol):
    """A reader that is also told what became of its subscriptions."""

    def say(self, document: Mapping[str, Any]) -> None:
        """Send a message."""
        ...

    async def drained(self) -> None:
        """Return when the reader has read most of what it was sent."""
        ...


class Following:
    """What one connection follows: any number of orders, and one set of filters."""

    def __init__(self, reader: Speaker, services: SocketServices) -> None:
        self._reader = reader
        self._services = services
        self._orders: dict[UUID, Subscription] = {}
        self._filters: Subscription | None = None

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """All of them."""
        filters = [] if self._filters is None else [self._filters]
        return [*filters, *self._orders.values()]

    async def follow(self, message: Subscribe) -> None:
        """Follow, from now on or from where the client was.

        Raises:
            OrderNotFound: there is no such order for this caller.
            TooManySubscriptions: the account has as many as it may.
            Unavailable: the database does not answer.
        """
        if message.filtros is not None:
            await self._begin_filters(message)
            return
        order_id = await self._services.streams.lookups.order_id(
            message.order_id or "", self._reader.principal
        )
        self._drop(self._orders.pop(order_id, None))
        subscription = Subscription(self._reader, order_id, None)
        await self._start(subscription)
        try:
            now = await self._services.streams.lookups.find(order_id, self._reader.principal)
            self._orders[order_id] = subscription
            await self._resume_order(subscription, now, message.desde)
        except BaseException:
            self._orders.pop(order_id, None)
            self._drop(subscription)
            raise

    async def leave(self, message: Unsubscribe) -> dict[str, Any]:
        """Follow no more; return what messages name it by.

        Raises:
            OrderNotFound: as for `follow`.
        """
        if message.filtros is not None:
            left, self._filters = self._filters, None
            self._drop(left)
            return {"filtros": {}} if left is None else left.target
        order_id = await self._services.streams.lookups.order_id(
            message.order_id or "", self._reader.principal
        )
        self._drop(self._orders.pop(order_id, None))
        return {"order_id": str(order_id)}

    def close(self) -> None:
        """Follow nothing any more."""
        for subscription in self.subscriptions:
            self._drop(subscription)
        self._orders, self._filters = {}, None

    async def _start(self, subscription: Subscription) -> None:
        services, account = self._services, self._reader.principal.idempotency_scope
        if services.subscriptions[account] >= services.limits.subscriptions:
            raise TooManySubscriptions(services.limits.subscriptions)
        services.subscriptions[account] += 1
        try:
            async with asyncio.timeout(_START_SECONDS):
                await services.streams.fanout.follow(subscription)
        except BaseException:
            give_back(services.subscriptions, account)
            raise

    def _drop(self, subscription: Subscription | None) -> None:
        if subscription is not None:
            self._services.streams.fanout.leave(subscription)
            give_back(self._services.subscriptions, self._reader.principal.idempotency_scope)

    async def _resume_order(
        self, subscription: Subscription, now: OrderNow, since: int | str | None
    ) -> None:
        reader = self._reader
        state = {"seq": now.seq, "estado": now.estado, "progreso": now.progreso}
        reader.say({"type": "subscribed", **subscription.target, **state})
        after = now.seq
        if isinstance(since, int):
            if 0 <= now.seq - since <= MOST_REPLAYED:
                after = max(after, await self._replay_order(now.id, since))
            else:
                reader.resync(subscription, seq=now.seq)
        subscription.go_on(after)

    async def _replay_order(self, order_id: UUID, after: int) -> int:
        """Tell what an order's reader has missed; return the sequence of the last."""
        while True:
            async with self._services.streams.database.raw() as connection:
                found = await read_news_of(connection, order_id, self._reader.principal, after)
            for news in found:
                await self._reader.drained()
                self._reader.offer(Update(news), of_all=False)
                after = news.seq
            if len(found) < MOST_NEWS:
                return after

    async def _begin_filters(self, message: Subscribe) -> None:
        left, self._filters = self._filters, None
        self._drop(left)
        subscription = Subscription(self._reader, None, message.filtros)
        await self._start(subscription)
        try:
            self._filters = subscription
            await self._resume_filters(subscription, message.desde)
        except BaseException:
            self._filters = None
            self._drop(subscription)
            raise

    async def _resume_filters(self, subscription: Subscription, since: int | str | None) -> None:
        reader, newest = self._reader, await self._newest()
        cursor = newest.cursor
        if not isinstance(since, str):
            reader.say({"type": "subscribed", **subscription.target, "cursor": cursor})
            subscription.go_on(newest.position)
            return
        position = await self._services.streams.lookups.position(since)
        if position is None or is_far_behind(position, newest.position):
            reader.say({"type": "subscribed", **subscription.target, "cursor": cursor})
            reader.resync(subscription, cursor=cursor)
            subscription.go_on(newest.position)
            return
        reader.say({"type": "subscribed", **subscription.target, "cursor": since})
        subscription.go_on(await self._replay_feed(subscription, position))

    async def _replay_feed(self, subscription: Subscription, position: int) -> int:
        """Tell what these filters let through of what was missed; return the last position."""
        while True:
            async with self._services.streams.database.raw() as connection:
                found = await read_news(connection, position)
            for news in found:
                position = news.position
                if subscription.wants(news):
                    await self._reader.drained()
                    self._reader.offer(Update(news), of_all=True)
            if len(found) < MOST_NEWS:
                return position

    async def _newest(self) -> Place:
        async with self._services.streams.database.raw() as connection:
            return await newest_place(connection)
