"""Retry a failed order: a new attempt that resumes at the step that failed."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.events import EventKind, NewEvent
from axon_factory.domain.sentences import Sentence
from axon_factory.domain.states import Actor, OrderState
from axon_factory.orders.transitions import refuse, transition

__all__ = ["retry_order"]

# What the failed attempt had finished counts for the new one: it resumes, it does not start over.
_CARRY_MILESTONES = text(
    """
    INSERT INTO order_milestones (order_id, intento, milestone_id, agente, commit_id, completed_at)
    SELECT order_id, :next, milestone_id, agente, commit_id, completed_at
    FROM order_milestones WHERE order_id = :order_id AND intento = :current
    """
)
_CARRY_PASSED_CHECKS = text(
    """
    INSERT INTO order_checks (order_id, intento, check_name, passed, command, exit_code,
        duration_seconds, output_digest, output_tail, findings, isolation, timed_out, truncated,
        created_at)
    SELECT order_id, :next, check_name, passed, command, exit_code,
        duration_seconds, output_digest, output_tail, findings, isolation, timed_out, truncated,
        created_at
    FROM order_checks WHERE order_id = :order_id AND intento = :current AND passed
    """
)


async def retry_order(
    session: AsyncSession, order: Order, *, actor: Actor, now: datetime
) -> OrderState:
    """Move the locked, failed order back to the state that failed, as a new attempt; return it.

    Raises:
        TransitionRefused: the order has not failed, or the actor may not.
    """
    if order.estado != OrderState.FALLIDO or order.fallo is None:
        only_failed = Sentence(
            "Solo se reintenta una orden en 'fallido'", "Only an order in 'fallido' is retried"
        )
        raise refuse(order, OrderState(order.estado), actor, only_failed)
    target = OrderState(order.fallo["estado"])
    step = order.fallo.get("paso")
    parameters = {"order_id": order.id, "current": order.intento, "next": order.intento + 1}
    await session.execute(_CARRY_MILESTONES, parameters)
    await session.execute(_CARRY_PASSED_CHECKS, parameters)
    order.intento += 1
    order.session_id = None
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
