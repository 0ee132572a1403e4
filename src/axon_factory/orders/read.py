"""Find one order: read it with its log (design §3.2), or lock it for a change; `lists` has many."""

import re
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import LineControl, Order, OrderEvent
from axon_factory.domain.building import LineMode
from axon_factory.domain.errors import AttemptEnded, OrderErased, OrderNotFound, PreconditionFailed
from axon_factory.domain.events import Visibility
from axon_factory.domain.permissions import Grant, Principal
from axon_factory.domain.states import OrderState, attempt_is_over

__all__ = [
    "NEWEST_EVENTS",
    "current_mode",
    "events_after",
    "lock_order",
    "lock_order_by_id",
    "matches",
    "newest_events",
    "parsed_reference",
    "read_order",
    "read_order_by_slug",
    "read_order_for_portal",
    "read_watch",
    "visible_to",
]

_ORDER_NUMBER = re.compile(r"ORD-\d{4}-\d{3,10}", re.ASCII)


def matches(reference: str) -> ColumnElement[bool]:
    """Return the condition for a path's `id`: a UUID of any version, or an order number.

    Raises:
        OrderNotFound: it is neither, so there can be no such order (resolutions 9).
    """
    parsed = parsed_reference(reference)
    if isinstance(parsed, str):
        return col(Order.order_number) == parsed
    return col(Order.id) == parsed


def parsed_reference(reference: str) -> UUID | str:
    """Return the UUID or the order number that names an order.

    Raises:
        OrderNotFound: it is neither.
    """
    if _ORDER_NUMBER.fullmatch(reference):
        return reference
    try:
        return UUID(reference)
    except ValueError:
        raise OrderNotFound(reference) from None


def visible_to(principal: Principal) -> ColumnElement[bool] | None:
    """Return the ownership condition that belongs in every query of this caller, if any."""
    if principal.grant is Grant.CLIENT_OWN:
        return col(Order.cliente_id) == principal.client_id
    if principal.grant is Grant.SYSTEM_ASSIGNED:
        return col(Order.id) == UUID(principal.order_id)
    return None


async def lock_order(
    session: AsyncSession,
    reference: str,
    principal: Principal,
    *,
    if_version: int | None = None,
    erased: bool = False,
) -> Order:
    """Return the order, its row locked until the transaction ends.

    `erased`: also one whose personal data were erased.

    Raises:
        OrderNotFound: there is none, or it is not the caller's.
        AttemptEnded: the caller's attempt ended after its token was looked at.
        PreconditionFailed: `if_version` (from If-Match) is not the order's version.
        OrderErased: its personal data were erased.
    """
    query = select(Order).where(matches(reference)).with_for_update()
    ownership = visible_to(principal)
    if ownership is not None:
        query = query.where(ownership)
    order = await session.scalar(query)
    if order is None:
        raise OrderNotFound(reference)
    _refuse_late_agent(order, principal)
    if if_version is not None and order.version != if_version:
        raise PreconditionFailed(
            f"La orden {order.order_number} está en la versión {order.version}; "
            f"léela de nuevo y repite el cambio sobre ella",
            message_en=f"Order {order.order_number} is at version {order.version}; "
            "read it again and repeat the change",
            version=order.version,
        )
    if order.borrado_at is not None and not erased:
        raise OrderErased(order.order_number)
    return order


def _refuse_late_agent(order: Order, principal: Principal) -> None:
    """Refuse whose attempt ended between the look at the token and the lock of the order."""
    attempt = principal.attempt
    if attempt is None or not attempt_is_over(attempt, order.intento, OrderState(order.estado)):
        return
    token_id = principal.id.removeprefix("token:")
    raise AttemptEnded(token_id, principal.name, order.id, attempt)


async def lock_order_by_id(session: AsyncSession, order_id: UUID) -> Order:
    """Return the order for the line itself, its row locked.

    Raises:
        OrderNotFound: there is none.
    """
    order = await session.scalar(select(Order).where(col(Order.id) == order_id).with_for_update())
    if order is None:
        raise OrderNotFound(str(order_id))
    return order


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


async def current_mode(tx: AsyncSession) -> LineMode:
    """Return the line's mode as it is at this moment."""
    return LineMode(await tx.scalar(select(col(LineControl.mode))))


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
