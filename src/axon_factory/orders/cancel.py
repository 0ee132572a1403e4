"""Cancel an order (design §3.6); the line then stops what still runs for it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.errors import NotCancellable
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.states import Actor, OrderState
from axon_factory.orders.mails.client import tell_cancelled
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import transition

__all__ = ["cancel_order", "delete_order"]


async def cancel_order(
    session: AsyncSession,
    order: Order,
    *,
    actor: Actor,
    reason: str,
    policy: Policy,
    now: datetime,
) -> OrderState:
    """Cancel the locked order from any state that is not terminal; return the state it was in.

    The client is told, without the reason.

    Raises:
        TransitionRefused: it is delivered or cancelled already, or the actor may not.
    """
    before = OrderState(order.estado)
    await transition(
        session,
        order,
        OrderState.CANCELADO,
        actor=actor,
        now=now,
        event=NewEvent(
            kind=EventKind.ESTADO_CAMBIADO,
            agent=actor.name,
            message=f"Orden cancelada: {reason}" if reason else "Orden cancelada",
            level=LogLevel.WARNING,
            metadata={
                "estado_anterior": before.value,
                "estado_nuevo": OrderState.CANCELADO.value,
                "motivo": reason,
            },
        ),
    )
    await tell_cancelled(session, order, policy=policy, now=now)
    return before


async def delete_order(
    session: AsyncSession, order: Order, *, actor: Actor, policy: Policy, now: datetime
) -> OrderState:
    """Cancel as `DELETE` does: only from `nuevo` and `planificacion`.

    Raises:
        NotCancellable: the documented 400, with `estado_actual`.
    """
    if not serves_in(Action.DELETE_ORDER, OrderState(order.estado)):
        raise NotCancellable(
            f"La orden está en estado '{order.estado}'. Solo se pueden cancelar órdenes en estado "
            "'nuevo' o 'planificacion'",
            message_en=f"The order is in state '{order.estado}'. Only orders in 'nuevo' or "
            "'planificacion' can be cancelled",
            extra={"estado_actual": order.estado},
        )
    return await cancel_order(session, order, actor=actor, reason="", policy=policy, now=now)
