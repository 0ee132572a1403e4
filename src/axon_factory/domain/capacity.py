"""How many orders are built at once, and which of those that wait is next: pure rules.

An order has a place from the moment its session is begun until that session is known to have
ended, so that an agent that is being stopped still counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from axon_factory.domain.priority import Priority, effective_rank

__all__ = ["BuildLimits", "Candidate", "Limit", "Occupancy", "grant_places", "rank_waiting"]


class Limit(StrEnum):
    """Which limit keeps an order from being built."""

    ALTOGETHER = "total"
    TYPE = "tipo"
    CLIENT = "cliente"


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """How many orders are built at once: altogether, of a type, of a client; 0: any number."""

    altogether: int = 0
    per_client: int = 0
    by_type: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def any(self) -> bool:
        """True if there is a limit at all."""
        return bool(self.altogether or self.per_client or any(self.by_type.values()))


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order that wants a place. `since`: when it began to wait for one.

    `client` tells clients apart: their id, or the address of one without an id.
    """

    order_id: UUID
    product_type: str
    client: str
    priority: Priority
    since: datetime


@dataclass(slots=True)
class Occupancy:
    """The places that are taken."""

    by_type: Counter[str] = field(default_factory=Counter[str])
    by_client: Counter[str] = field(default_factory=Counter[str])

    def take(self, product_type: str, client: str, places: int = 1) -> None:
        """Count places as taken."""
        self.by_type[product_type] += places
        self.by_client[client] += places

    def shortage(self, limits: BuildLimits, candidate: Candidate) -> Limit | None:
        """Return the limit that the candidate would break now, None if it may be built."""
        of_type = limits.by_type.get(candidate.product_type, 0)
        taken = (
            (Limit.ALTOGETHER, limits.altogether, self.by_type.total()),
            (Limit.TYPE, of_type, self.by_type[candidate.product_type]),
            (Limit.CLIENT, limits.per_client, self.by_client[candidate.client]),
        )
        return next((limit for limit, most, now in taken if most and now >= most), None)


def rank_waiting(waiting: Iterable[Candidate], now: datetime) -> list[Candidate]:
    """Return the waiting orders, the next one first: by aged priority, FIFO within."""
    return sorted(
        waiting,
        key=lambda one: (
            -effective_rank(one.priority, now - one.since),
            one.since,
            one.order_id,
        ),
    )


def grant_places(
    limits: BuildLimits, taken: Occupancy, waiting: Iterable[Candidate], now: datetime
) -> list[Candidate]:
    """Return those of the waiting orders that get the free places, and count them as taken.

    Whoever finds the place of its type or client taken is passed over: it does not hold back
    those behind it.
    """
    granted: list[Candidate] = []
    for candidate in rank_waiting(waiting, now):
        limit = taken.shortage(limits, candidate)
        if limit is None:
            taken.take(candidate.product_type, candidate.client)
            granted.append(candidate)
        elif limit is Limit.ALTOGETHER:
            break
    return granted
