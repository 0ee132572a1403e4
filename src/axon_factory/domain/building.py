"""Rules of the line: who builds, which order is next, how many at once, in which mode.

An order has a place from the moment its session is begun until the session is known to have ended.
An agent that is being stopped therefore still counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class BuilderName(StrEnum):
    """Stable names of the builders; settings and orders name them."""

    TEMPLATES = "templates"
    HTTP = "http"
    A2A = "a2a"
    COMMAND = "command"


AGEING_INTERVAL = timedelta(hours=4)
"""A waiting order gains one rank for each interval, so that baja never starves."""


class Priority(StrEnum):
    """Wire names of the four priorities (design §2.1)."""

    BAJA = "baja"
    NORMAL = "normal"
    ALTA = "alta"
    URGENTE = "urgente"

    @property
    def rank(self) -> int:
        """0 for baja up to 3 for urgente; the database computes the same in `prioridad_rank`."""
        return list(Priority).index(self)


def effective_rank(priority: Priority, waited: timedelta) -> int:
    """Return the rank after ageing: never above urgente's, and FIFO decides among equals."""
    return min(Priority.URGENTE.rank, priority.rank + waited // AGEING_INTERVAL)


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
    """Return the waiting orders that get the free places, and count the places as taken.

    An order whose type or client has no free place is passed over. It does not hold back the
    orders behind it.
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


class LineMode(StrEnum):
    """What the line may do now. In every mode it cleans up what is not wanted any more.

    `drenando` finishes the orders whose construction was begun and begins no other; `pausada`
    begins no step; `detenida` also interrupts what runs, and outside agents are told to stop.
    """

    ACTIVA = "activa"
    DRENANDO = "drenando"
    PAUSADA = "pausada"
    DETENIDA = "detenida"


class Silence(StrEnum):
    """For how long a session has given no sign of life."""

    SIN_RESPUESTA = "sin_respuesta"
    ESTANCADO = "estancado"


def silence_of(
    heartbeat_at: datetime, now: datetime, *, silent: timedelta, stuck: timedelta
) -> Silence | None:
    """Return how silent a session is whose newest sign of life was at `heartbeat_at`."""
    quiet = now - heartbeat_at
    if quiet >= max(stuck, silent):
        return Silence.ESTANCADO
    return Silence.SIN_RESPUESTA if quiet >= silent else None
