"""The feed of the whole account: every event of every order, in the order of their commits.

`feed_positions` numbers events as their transactions commit (migration 0012): a number appears
after every smaller one. So a reader that asks for what follows its last number skips nothing,
however long a transaction was open, and gets nothing twice.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import FeedPosition, Order, OrderEvent
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.events import EventKind, Visibility
from axon_factory.domain.permissions import Principal
from axon_factory.domain.text import Sentence
from axon_factory.orders.read import visible_to

__all__ = [
    "MOST_ENTRIES",
    "FeedEntry",
    "FeedPage",
    "FeedQuery",
    "cursor_of",
    "newest_cursor",
    "position_of",
    "read_feed",
]

MOST_ENTRIES = 200
"""How many events a page has at most."""

_WINDOW = 5_000
"""How many events one read looks at: a filter that fits few must not read a whole year at once."""

_POSITION = struct.Struct(">q")
_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """Which events; an empty filter lets all pass. `after` is a cursor, None the beginning."""

    after: str | None = None
    kinds: Sequence[EventKind] = ()
    order_id: UUID | None = None
    client_ids: Sequence[str] = ()
    limit: int = MOST_ENTRIES


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An event with the number of its order, and the cursor of what follows it."""

    event: OrderEvent
    order_number: str
    cursor: str


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Events, oldest first.

    `cursor` is where to go on, also after a page without events; None at the beginning of an empty
    feed. `more`: there is more to read at once.
    """

    entries: Sequence[FeedEntry]
    cursor: str | None
    more: bool


async def read_feed(session: AsyncSession, query: FeedQuery, principal: Principal) -> FeedPage:
    """Return the events after the cursor that this caller may read.

    A page may have fewer events than `limit`, or none, while `more` is true: one read looks at a
    bounded number of events, whether they pass the filters or not. With `order_id` it does not.

    Raises:
        ValidationFailed: `after` is no cursor of this feed, or names an event that it has not: the
            database was restored from a backup that is older than the cursor.
    """
    after = await position_of(session, query.after)
    # An index leads to the events of one order, so its reader looks at no others.
    most = None if query.order_id else _WINDOW
    end, looked_at = await _window(session, after, most)
    if not looked_at:
        return FeedPage((), query.after, more=False)
    rows = await _visible(session, query, principal, after, end)
    shown = [_entry(row) for row in rows[: query.limit]]
    if len(rows) > query.limit:
        return FeedPage(shown, shown[-1].cursor, more=True)
    return FeedPage(shown, await _cursor_at(session, end), more=looked_at == most)


async def newest_cursor(session: AsyncSession) -> str | None:
    """Return the cursor of what is still to come, None while nothing has happened yet."""
    newest = await session.scalar(select(func.max(col(FeedPosition.position))))
    return None if newest is None else await _cursor_at(session, newest)


async def _window(session: AsyncSession, after: int, most: int | None) -> tuple[int, int]:
    """Return the last position to look at, and how many of at most `most` there are up to it.

    Without `most` the last position is the newest one, and the count only says whether it is new.
    """
    position = col(FeedPosition.position)
    if most is None:
        newest = await session.scalar(select(func.max(position))) or 0
        return newest, max(newest - after, 0)
    window = select(position).where(position > after).order_by(position).limit(most).subquery()
    found = await session.execute(select(func.max(window.c.position), func.count()))
    last, count = found.one()
    return last or after, count


async def _visible(
    session: AsyncSession, query: FeedQuery, principal: Principal, after: int, end: int
) -> Sequence[Row[int, str, OrderEvent]]:
    position = col(FeedPosition.position)
    statement = (
        select(position, col(Order.order_number), OrderEvent)
        .join(OrderEvent, col(OrderEvent.position) == col(FeedPosition.event_position))
        .join(Order, col(Order.id) == col(OrderEvent.order_id))
        .where(position > after, position <= end)
        # A sum is no column of an index: one order's few events are found first, then sorted.
        .order_by(position + 0 if query.order_id else position)
        .limit(query.limit + 1)
    )
    ownership = visible_to(principal)
    if ownership is not None:
        statement = statement.where(ownership)
    if not principal.is_staff:
        statement = statement.where(col(OrderEvent.visibilidad) == Visibility.CLIENTE)
    if query.kinds:
        statement = statement.where(col(OrderEvent.kind).in_(query.kinds))
    if query.order_id is not None:
        statement = statement.where(col(OrderEvent.order_id) == query.order_id)
    if query.client_ids:
        statement = statement.where(col(Order.cliente_id).in_(query.client_ids))
    return list(await session.execute(statement))


def _entry(row: Row[int, str, OrderEvent]) -> FeedEntry:
    position, order_number, event = row
    return FeedEntry(event, order_number, cursor_of(position, event.order_id, event.seq))


async def position_of(session: AsyncSession, cursor: str | None) -> int:
    """Return the position that a cursor names, checked against the event at it; 0 without one.

    Raises:
        ValidationFailed: as in `read_feed`.
    """
    if cursor is None:
        return 0
    position = _decode(cursor)
    current = await _cursor_at(session, position)
    if current is None or not hmac.compare_digest(current, cursor):
        raise _refusal()
    return position


async def _cursor_at(session: AsyncSession, position: int) -> str | None:
    found = await session.execute(
        select(col(OrderEvent.order_id), col(OrderEvent.seq))
        .join(FeedPosition, col(OrderEvent.position) == col(FeedPosition.event_position))
        .where(col(FeedPosition.position) == position)
    )
    row = found.one_or_none()
    return None if row is None else cursor_of(position, *row)


def cursor_of(position: int, order_id: UUID, seq: int) -> str:
    """Return the cursor of a position; its digest names the event, which a restore may change."""
    bound = f"{position}|{order_id}|{seq}".encode()
    digest = hashlib.blake2b(bound, digest_size=_DIGEST_BYTES, person=b"axon-feed-cursor").digest()
    return base64.urlsafe_b64encode(_POSITION.pack(position) + digest).decode().rstrip("=")


def _decode(cursor: str) -> int:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        (position,) = _POSITION.unpack(raw[: _POSITION.size])
    except (ValueError, binascii.Error, struct.error):
        raise _refusal() from None
    return position


def _refusal() -> ValidationFailed:
    return ValidationFailed(
        {
            "after": Sentence(
                "No es un cursor de estos eventos: usa `next_after` de una respuesta. Si la base "
                "se restauró de un respaldo, empieza de nuevo sin `after`",
                "Not a cursor of these events: use `next_after` of an answer. If the database was "
                "restored from a backup, begin anew without `after`",
            )
        }
    )
