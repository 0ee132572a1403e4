"""A session that vanished, or was ended by others: begun anew, but not for ever."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.failure import Failure, FailureCause
from axon_factory.domain.states import OrderState
from axon_factory.factory.step import line_actor
from axon_factory.orders.attempts import begin_attempt
from axon_factory.orders.build_sessions import SessionEnd, current_session
from axon_factory.orders.capacity import free_place
from axon_factory.orders.events import append_event
from axon_factory.orders.failing import fail_order
from axon_factory.orders.mails.client import tell_moved_promise
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import wake
from axon_factory.ports.builder import SessionLost

__all__ = ["resume_without_session"]

_LINE = line_actor("Super Axon Agent")


async def resume_without_session(
    session: AsyncSession, order: Order, loss: SessionLost, *, policy: Policy, now: datetime
) -> None:
    """Go on with the locked order in a new attempt, from the milestones that are verified.

    An order that loses one session after another fails, with what was lost last as its cause.
    """
    vanished = await current_session(session, order)
    if vanished is not None:
        limits = policy.limits
        await free_place(session, order, vanished, SessionEnd.LOST, limits=limits, now=now)
    lost = await session.scalar(
        select(func.count()).where(
            col(OrderEvent.order_id) == order.id, col(OrderEvent.kind) == EventKind.SESION_PERDIDA
        )
    )
    if (lost or 0) >= policy.agents.max_lost_sessions:
        state = OrderState(order.estado)
        failure = Failure(FailureCause.SESION_PERDIDA, str(loss), state, detail=loss.detail)
        await fail_order(session, order, failure=failure, actor=_LINE, policy=policy, now=now)
        return
    event = NewEvent(
        kind=EventKind.SESION_PERDIDA,
        agent=_LINE.name,
        message=f"Se perdió la sesión de construcción y se inicia otra: {loss.for_staff}",
        level=LogLevel.WARNING,
        visibility=Visibility.INTERNO,
        metadata={"session_id": order.session_id, "intento": order.intento},
    )
    await append_event(session, order, event, actor=_LINE, now=now)
    await begin_attempt(session, order, now)
    order.espera = order.espera_causa = None
    await tell_moved_promise(session, order, policy=policy, now=now)
    await wake(session, order, now)
