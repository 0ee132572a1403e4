"""Find an order by id or number, and lock it for a change."""

import re
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order
from axon_factory.domain.errors import AttemptEnded, OrderErased, OrderNotFound, PreconditionFailed
from axon_factory.domain.permissions import Grant, Principal
from axon_factory.domain.states import OrderState, attempt_is_over

__all__ = ["lock_order", "lock_order_by_id", "matches", "visible_to"]


_ORDER_NUMBER = re.compile(r"ORD-\d{4}-\d{3,10}", re.ASCII)


def matches(reference: str) -> ColumnElement[bool]:
    """Return the condition for a path's `id`: a UUID of any version, or an order number.

    Raises:
        OrderNotFound: it is neither, so there can be no such order (resolutions 9).
    """
    if _ORDER_NUMBER.fullmatch(reference):
        return col(Order.order_number) == reference
    try:
        return col(Order.id) == UUID(reference)
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
