"""What happens to orders, as live readers are told of it: rows of the feed beside their order.

One statement reads whatever was committed since a position, for all who listen in a process. Who
may be told what is for `sees` to say; the rows themselves are nobody's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple, cast
from uuid import UUID

import psycopg
from pydantic_core import to_json

from axon_factory.domain.events import Visibility
from axon_factory.domain.permissions import RELATIONS, Principal, Relation
from axon_factory.orders.documents import reference_of
from axon_factory.orders.feed import cursor_of

__all__ = [
    "MOST_NEWS",
    "News",
    "OrderNow",
    "Place",
    "WantedOrder",
    "is_still_there",
    "newest_place",
    "reaches",
    "read_news",
    "read_news_of",
    "read_orders_now",
    "sees",
]

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

MOST_NEWS = 500
"""How many events one read returns at most."""


class News(NamedTuple):
    """An event, and its order as it is when this is read; attributes are named as the columns."""

    position: int
    order_id: UUID
    seq: int
    kind: str
    tipo: str
    agente: str
    mensaje: str
    details: dict[str, Any]
    visibilidad: str
    actor: str
    occurred_at: datetime
    received_at: datetime
    estado: str
    progreso: int
    tipo_producto: str
    prioridad: str
    asignado_a: str | None
    cliente_id: str | None
    tags: list[str]


_COLUMNS = """
    feed.position, event.order_id, event.seq, event.kind, event.tipo, event.agente, event.mensaje,
    event.metadata, event.visibilidad, event.actor, event.occurred_at, event.received_at,
    reached.estado, reached.progreso, reached.tipo_producto, reached.prioridad,
    reached.asignado_a, reached.cliente_id, reached.tags
"""
_NEWS = cast(
    "LiteralString",
    f"""
    SELECT {_COLUMNS}
    FROM (
        SELECT position, event_position FROM feed_positions
        WHERE position > %(after)s ORDER BY position LIMIT {MOST_NEWS}
    ) AS feed
    JOIN order_events AS event ON event.position = feed.event_position
    JOIN orders AS reached ON reached.id = event.order_id
    ORDER BY feed.position
    """,  # noqa: S608 — constants of the code
)
_NEWS_OF = cast(
    "LiteralString",
    f"""
    SELECT {_COLUMNS}
    FROM order_events AS event
    JOIN feed_positions AS feed ON feed.event_position = event.position
    JOIN orders AS reached ON reached.id = event.order_id
    WHERE event.order_id = %(order)s AND event.seq > %(after)s
      AND (%(staff)s OR event.visibilidad = '{Visibility.CLIENTE}')
    ORDER BY event.seq LIMIT {MOST_NEWS}
    """,  # noqa: S608 — constants of the code
)
_PLACE = """
    SELECT feed.position, event.order_id, event.seq
    FROM feed_positions AS feed JOIN order_events AS event ON event.position = feed.event_position
"""
_NEWEST = f"{_PLACE} ORDER BY feed.position DESC LIMIT 1"
_AT = f"{_PLACE} WHERE feed.position = %(position)s"


class Place(NamedTuple):
    """Where the feed was read to, and the event there."""

    position: int = 0
    order_id: UUID | None = None
    seq: int = 0

    @property
    def cursor(self) -> str | None:
        """The cursor of what follows it, None before the first event."""
        return self.order_id and cursor_of(self.position, self.order_id, self.seq)


async def newest_place(connection: Connection) -> Place:
    """Return the place of the newest event; position 0 before the first."""
    found = await (await connection.execute(_NEWEST)).fetchone()
    return Place._make(found) if found else Place()


async def is_still_there(connection: Connection, place: Place) -> bool:
    """Return whether the feed has the same event at `place`: a restored backup may not."""
    if place.position == 0:
        return True
    found = await (await connection.execute(_AT, {"position": place.position})).fetchone()
    return found == place


async def read_news(connection: Connection, after: int) -> Sequence[News]:
    """Return what was committed after a position, oldest first, `MOST_NEWS` at most."""
    rows = await connection.execute(_NEWS, {"after": after}, binary=True)
    return [News._make(row) for row in await rows.fetchall()]


async def read_news_of(
    connection: Connection, order_id: UUID, principal: Principal, after: int
) -> Sequence[News]:
    """Return what this caller may read of an order's events after a sequence, oldest first.

    The order must be one that they reach.
    """
    asked = {"order": order_id, "after": after, "staff": principal.is_staff}
    rows = await connection.execute(_NEWS_OF, asked, binary=True)
    return [News._make(row) for row in await rows.fetchall()]


def reaches(principal: Principal, order_id: UUID, client_id: str | None) -> bool:
    """Return whether this caller reaches the order: of any other it is told that there is none."""
    match RELATIONS[principal.grant]:
        case Relation.ANY:
            return True
        case Relation.OWN:
            return client_id is not None and client_id == principal.client_id
        case Relation.ASSIGNED:
            return str(order_id) == principal.order_id


def sees(principal: Principal, news: News) -> bool:
    """Return whether this caller may be told of an event."""
    if not principal.is_staff and news.visibilidad != Visibility.CLIENTE:
        return False
    return reaches(principal, news.order_id, news.cliente_id)


class WantedOrder(NamedTuple):
    """One question for an order as it is now."""

    reference: UUID | str
    principal: Principal


class OrderNow(NamedTuple):
    """An order as who begins to follow it is told; `seq` is that of its newest event."""

    id: UUID
    order_number: str
    estado: str
    progreso: int
    seq: int
    cliente_id: str | None


_ORDERS_NOW = """
    SELECT wanted.place, reached.id, reached.order_number, reached.estado, reached.progreso,
           reached.event_seq, reached.cliente_id
    FROM jsonb_to_recordset(%(wanted)s::jsonb) AS wanted(place integer, id uuid, number text)
    JOIN orders AS reached ON reached.id = coalesce(
        wanted.id, (SELECT id FROM orders WHERE order_number = wanted.number)
    )
"""


async def read_orders_now(
    connection: Connection, wanted: Sequence[WantedOrder]
) -> Sequence[OrderNow | None]:
    """Return each order, in their order; None where there is none that the caller reaches."""
    asked = [reference_of(place, one.reference, 0) for place, one in enumerate(wanted)]
    rows = await connection.execute(_ORDERS_NOW, {"wanted": to_json(asked).decode()}, binary=True)
    found: list[OrderNow | None] = [None] * len(wanted)
    for row in await rows.fetchall():
        place, now = int(row[0]), OrderNow._make(row[1:])
        asking: WantedOrder = wanted[place]
        if reaches(asking.principal, now.id, now.cliente_id):
            found[place] = now
    return found
