"""A question that the planner cannot answer is given up; the order waits for approval as before."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.lifecycle import DueStep
from axon_factory.factory.step import line_actor
from axon_factory.orders.events import append_event
from axon_factory.orders.plans.notices import tell_answer
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import wake

__all__ = ["give_up_question"]

_PLANNER = line_actor("Planner Agent")


async def give_up_question(
    session: AsyncSession,
    order: Order,
    step: DueStep,
    reason: str,
    *,
    policy: Policy,
    now: datetime,
) -> None:
    """Close the question that `step` is about without an answer, and tell the approver why."""
    asked = await session.get_one(OrderQuestion, (order.id, int(step.subject)))
    asked.closed_at = asked.delivered_at = now
    told = f"El planificador no pudo responder: {reason}"
    await append_event(
        session,
        order,
        NewEvent(
            kind=EventKind.RESPUESTA,
            agent=_PLANNER.name,
            message=f"Pregunta {asked.number}: {told}",
            level=LogLevel.WARNING,
            metadata={"pregunta": asked.number},
            visibility=Visibility.INTERNO,
        ),
        actor=_PLANNER,
        now=now,
    )
    await tell_answer(session, order, asked, told, policy=policy, now=now)
    await wake(session, order, now)
