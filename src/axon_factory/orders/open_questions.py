"""Questions that nobody has answered yet: what they hold up, and when they are moot.

Apart from `orders.questions`, because a change of state or attempt closes them.
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.waiting import FOR_AN_ANSWER, WaitsFor
from axon_factory.orders.promise import pause_promise, resume_promise

__all__ = ["close_questions", "wait_for_answers"]


async def wait_for_answers(session: AsyncSession, order: Order, now: datetime) -> None:
    """Let the locked order wait for whoever owes it an answer, or for nobody any more.

    It waits for the oldest of the questions that block it. A wait for a person's decision stays.
    The clock of the promise stands still while the client owes any of those answers: with a
    question that blocks nothing the work goes on, and so does the clock.
    """
    owing = list(
        await session.scalars(
            select(col(OrderQuestion.audience))
            .where(
                col(OrderQuestion.order_id) == order.id,
                col(OrderQuestion.answered_at).is_(None),
                col(OrderQuestion.closed_at).is_(None),
                col(OrderQuestion.blocking),
                col(OrderQuestion.audience).in_(FOR_AN_ANSWER),
            )
            .order_by(col(OrderQuestion.number))
        )
    )
    if order.espera is None or order.espera in FOR_AN_ANSWER:
        order.espera = owing[0] if owing else None
    if WaitsFor.CLIENTE in owing:
        pause_promise(order, now)
    else:
        resume_promise(order, now)


async def close_questions(session: AsyncSession, order: Order, now: datetime) -> None:
    """Close the locked order's open questions: nobody needs the answers where it goes now."""
    await session.execute(
        update(OrderQuestion)
        .where(
            col(OrderQuestion.order_id) == order.id,
            col(OrderQuestion.answered_at).is_(None),
            col(OrderQuestion.closed_at).is_(None),
        )
        .values(closed_at=now)
    )
    if order.espera in FOR_AN_ANSWER:
        order.espera = None
    resume_promise(order, now)
