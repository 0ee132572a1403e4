"""What an approver asks about a plan: of the planner, or of the client."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.states import Actor
from axon_factory.orders.budget import WAITS_FOR_BUDGET
from axon_factory.orders.open_questions import open_questions
from axon_factory.orders.plans.waiting import PlanReference, waiting_plan
from axon_factory.orders.policy import Policy
from axon_factory.orders.questions import Audience, NewQuestion, ask_question
from axon_factory.orders.transitions import wake

__all__ = [
    "answered_by_client",
    "ask_about_plan",
    "close_planner_questions",
    "read_approver_questions",
]


async def ask_about_plan(
    session: AsyncSession,
    order: Order,
    question: str,
    audience: Audience,
    *,
    actor: Actor,
    policy: Policy,
    plan: PlanReference | None,
    now: datetime,
) -> OrderQuestion:
    """Ask about the waiting plan; the plan goes on waiting and may be decided at any time.

    The line asks the planner next; a client is told by mail.

    Raises:
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one that was read.
    """
    await waiting_plan(session, order, actor, plan)
    asked = await ask_question(
        session,
        order,
        NewQuestion(audience, question, blocking=False),
        actor=actor,
        policy=policy,
        now=now,
    )
    await wake(session, order, now)
    return asked


async def close_planner_questions(session: AsyncSession, order: Order, now: datetime) -> None:
    """Let nobody wait any more for what was asked of the planner about a plan that is decided."""
    for question in await open_questions(session, order, Audience.PLANIFICADOR):
        question.closed_at = now
        if order.espera == WAITS_FOR_BUDGET:
            order.espera = order.espera_causa = (
                None  # it waited for what the answer would have cost
            )


async def answered_by_client(session: AsyncSession, order: Order) -> tuple[tuple[str, str], ...]:
    """Return what the client was asked about the order and has answered, in order."""
    found = await session.execute(
        select(col(OrderQuestion.question), col(OrderQuestion.answer))
        .where(
            col(OrderQuestion.order_id) == order.id,
            col(OrderQuestion.audience) == Audience.CLIENTE,
            col(OrderQuestion.answered_at).is_not(None),
        )
        .order_by(col(OrderQuestion.number))
    )
    return tuple((question, answer) for question, answer in found if answer is not None)


async def read_approver_questions(session: AsyncSession, order: Order) -> Sequence[OrderQuestion]:
    """Return what was asked about the order's plans, the first asked first."""
    found = await session.scalars(
        select(OrderQuestion)
        .where(
            col(OrderQuestion.order_id) == order.id,
            col(OrderQuestion.blocking).is_(False),
        )
        .order_by(col(OrderQuestion.number))
    )
    return list(found)
