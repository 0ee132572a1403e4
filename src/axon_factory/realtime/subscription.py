"""What one connection follows: an order, or the orders that filters let through."""

from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

from axon_factory.domain.permissions import Principal
from axon_factory.orders.news import News, sees
from axon_factory.realtime.filters import SocketFilters
from axon_factory.realtime.update import Update

__all__ = ["Reader", "Subscription"]

_MOST_HELD = 2_000


class Reader(Protocol):
    """Who is told in the end."""

    principal: Principal

    def offer(self, update: Update, *, of_all: bool) -> None:
        """Send an update now, or when the reader reads again."""
        ...

    def resync(self, subscription: "Subscription", **place: object) -> None:
        """Say that updates of a subscription were lost; `place` is where it goes on."""
        ...

    def stop(self) -> None:
        """End: the process is shutting down."""
        ...


class Subscription:
    """One of them. While what went before is read from the tables, updates are held."""

    __slots__ = ("_after", "_held", "_is_one", "_reader", "filters", "order_id")

    def __init__(
        self, reader: Reader, order_id: UUID | None, filters: SocketFilters | None
    ) -> None:
        """It holds until `go_on`."""
        self._reader = reader
        self.order_id = order_id
        self.filters = filters
        self._is_one: Callable[[News], bool] | None = filters.test() if filters else None
        self._after = 0
        self._held: list[Update] | None = []

    @property
    def target(self) -> dict[str, Any]:
        """What messages name it by."""
        if self.filters is not None:
            return {"filtros": self.filters.model_dump(mode="json", exclude_defaults=True)}
        return {"order_id": str(self.order_id)}

    def wants(self, news: News) -> bool:
        """Return whether the reader asked for an event, and may see it."""
        if not sees(self._reader.principal, news):
            return False
        return self._is_one is None or self._is_one(news)

    def tell(self, update: Update) -> None:
        """Pass on what is asked for and new."""
        news = update.news
        place = news.position if self.order_id is None else news.seq
        if place <= self._after or not self.wants(news):
            return
        if self._held is None:
            self._after = place
            self._reader.offer(update, of_all=self.order_id is None)
        elif len(self._held) < _MOST_HELD:
            self._held.append(update)

    def go_on(self, after: int) -> None:
        """Pass on from now on, and what was held and comes after a `seq` or a position."""
        held, self._held, self._after = self._held or (), None, after
        for update in held:
            self.tell(update)
        if len(held) == _MOST_HELD:
            self._reader.resync(self)

    def restart(self) -> None:
        """Count anew."""
        self._after = 0
        self._reader.resync(self)

    def stop(self) -> None:
        """End the connection."""
        self._reader.stop()
