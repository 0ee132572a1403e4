"""Read one order and its log (design §3.2); `lists` has many."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import LineControl, Order, OrderEvent
from axon_factory.domain.building import LineMode
from axon_factory.domain.errors import OrderNotFound
from axon_factory.domain.events import Visibility
from axon_factory.domain.permissions import Principal
from axon_factory.orders.locking import matches, visible_to

__all__ = [
    "NEWEST_EVENTS",
    "events_after",
    "newest_events",
    "read_order",
    "read_order_by_slug",
    "read_order_for_portal",
    "read_watch",
]

NEWEST_EVENTS = 200
"""How many of the newest events the `logs` array of an answer shows (resolutions 3)."""


async def read_order(session: AsyncSession, reference: str, principal: Principal) -> Order:
    """Return the order with this id or number.

    Raises:
        OrderNotFound: there is none, or it is not the caller's (404, never 403).
    """
    query = select(Order).where(matches(reference))
    ownership = visible_to(principal)
    order = await session.scalar(query if ownership is None else query.where(ownership))
    if order is None:
        raise OrderNotFound(reference)
    return order


async def newest_events(
    session: AsyncSession, order: Order, principal: Principal
) -> Sequence[OrderEvent]:
    """Return the newest events that the caller may read, oldest first."""
    query = _visible_events(order, principal).order_by(col(OrderEvent.seq).desc())
    return list(await session.scalars(query.limit(NEWEST_EVENTS)))[::-1]


async def events_after(
    session: AsyncSession,
    order: Order,
    principal: Principal,
    after: int,
    limit: int = NEWEST_EVENTS,
) -> Sequence[OrderEvent]:
    """Return up to `limit` events with a sequence above `after`, oldest first."""
    query = _visible_events(order, principal).where(col(OrderEvent.seq) > after)
    return list(await session.scalars(query.order_by(col(OrderEvent.seq)).limit(limit)))


def _visible_events(order: Order, principal: Principal) -> Select[OrderEvent]:
    query = select(OrderEvent).where(col(OrderEvent.order_id) == order.id)
    if principal.is_staff:
        return query
    return query.where(col(OrderEvent.visibilidad) == Visibility.CLIENTE)


async def read_watch(session: AsyncSession, order_id: UUID) -> tuple[int | None, LineMode]:
    """Return what may end a running step: the order's fencing token, and how the line runs.

    One read for both, because every running call asks twice a second. The token is None when there
    is no such order.
    """
    fence = select(col(Order.fence)).where(col(Order.id) == order_id).scalar_subquery()
    found = (await session.execute(select(fence, col(LineControl.mode)))).one()
    return found[0], LineMode(found[1])


async def read_order_by_slug(
    session: AsyncSession, slug: str, principal: Principal
) -> Order | None:
    """Return the order of the product called `slug`, None when there is none for this caller."""
    if "\x00" in slug:  # no text of the database can have it
        return None
    query = select(Order).where(col(Order.slug) == slug)
    ownership = visible_to(principal)
    return await session.scalar(query if ownership is None else query.where(ownership))


async def read_order_for_portal(session: AsyncSession, order_id: UUID) -> Order | None:
    """Return the order behind a portal link, whose token is the permission.

    None where there is none, or where its personal data were erased.
    """
    order = await session.get(Order, order_id)
    return None if order is None or order.borrado_at is not None else order
