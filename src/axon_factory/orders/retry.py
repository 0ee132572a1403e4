"""Retry a failed order: a new attempt that resumes at the step that failed."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.events import EventKind, NewEvent
from axon_factory.domain.states import Actor, OrderState, WaitsFor
from axon_factory.domain.text import Sentence
from axon_factory.orders.attempts import begin_attempt
from axon_factory.orders.machine_wait import retry_now
from axon_factory.orders.transitions import refuse, transition

__all__ = ["retry_order"]


async def retry_order(
    session: AsyncSession, order: Order, *, actor: Actor, now: datetime
) -> OrderState:
    """Move the locked, failed order back to the state that failed, as a new attempt; return it.

    An order that waits for the machine stays where it is, and its step is tried at once.

    Raises:
        TransitionRefused: the order has neither failed nor waits for the machine, or the actor
            may not.
    """
    if order.espera == WaitsFor.MAQUINA:
        await retry_now(session, order, actor=actor, now=now)
        return OrderState(order.estado)
    if order.estado != OrderState.FALLIDO or order.fallo is None:
        only_failed = Sentence(
            "Solo se reintenta una orden en 'fallido'", "Only an order in 'fallido' is retried"
        )
        raise await refuse(session, order, OrderState(order.estado), actor, only_failed)
    target = OrderState(order.fallo["estado"])
    step = order.fallo.get("paso")
    await begin_attempt(session, order, now)
    await transition(
        session,
        order,
        target,
        actor=actor,
        now=now,
        event=NewEvent(
            kind=EventKind.ESTADO_CAMBIADO,
            agent=actor.name,
            message=f"Reintento {order.intento}: la orden continúa en '{target}'",
            metadata={
                "estado_anterior": OrderState.FALLIDO.value,
                "estado_nuevo": target.value,
                "paso": step,
                "intento": order.intento,
            },
        ),
    )
    return target
