"""Questions without an answer: what they hold up, and when they close.

Apart from `asking`, because a change of state closes them and `asking` needs changes of state.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.pipeline import send
from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.states import FOR_AN_ANSWER, Audience, WaitsFor
from axon_factory.orders.promise import pause_promise, resume_promise

__all__ = ["close_questions", "open_questions", "wait_for_answers"]


async def open_questions(
    session: AsyncSession, order: Order, audience: Audience
) -> Sequence[OrderQuestion]:
    """Return the order's questions that `audience` still has to answer, the first asked first."""
    found = await session.scalars(
        select(OrderQuestion)
        .where(*_open_in(order), col(OrderQuestion.audience) == audience)
        .order_by(col(OrderQuestion.number))
    )
    return list(found)


async def wait_for_answers(session: AsyncSession, order: Order, now: datetime) -> None:
    """Set the locked order's `espera` from its blocking questions. Clear it if none is left.

    The oldest blocking question counts. A wait for a person's decision stays. The clock of the
    promise stands still while the client owes an answer to a blocking question.
    """
    owing = list(
        await session.scalars(
            select(col(OrderQuestion.audience))
            .where(
                *_open_in(order),
                col(OrderQuestion.blocking),
                col(OrderQuestion.audience).in_(FOR_AN_ANSWER),
            )
            .order_by(col(OrderQuestion.number))
        )
    )
    if order.espera is None or order.espera in FOR_AN_ANSWER:
        order.espera, order.espera_causa = (owing[0] if owing else None), None
    if WaitsFor.CLIENTE in owing:
        pause_promise(order, now)
    else:
        resume_promise(order, now)


# Without questions in the session's memory there are none to keep in step.
_CLOSE = text(
    """
    UPDATE order_questions SET closed_at = :now
    WHERE order_id = :order_id AND answered_at IS NULL AND closed_at IS NULL
    """
)


async def close_questions(session: AsyncSession, order: Order, now: datetime) -> None:
    """Close the locked order's open questions, whose answers are not needed any more."""
    if any(isinstance(one, OrderQuestion) for one in session.identity_map.values()):
        await session.execute(update(OrderQuestion).where(*_open_in(order)).values(closed_at=now))
    else:
        parameters = {"order_id": order.id, "now": now}
        await send(session, _CLOSE, parameters)
    if order.espera in FOR_AN_ANSWER:
        order.espera = order.espera_causa = None
    resume_promise(order, now)


def _open_in(order: Order) -> tuple[ColumnElement[bool], ...]:
    return (
        col(OrderQuestion.order_id) == order.id,
        col(OrderQuestion.answered_at).is_(None),
        col(OrderQuestion.closed_at).is_(None),
    )
