"""Questions about an order: asked once, waited for, answered once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.states import Actor

__all__ = ["Audience", "NewQuestion", "ask_question", "undelivered_answers"]


class Audience(StrEnum):
    """Who has to answer."""

    CLIENTE = "cliente"
    OPERADOR = "operador"
    PLANIFICADOR = "planificador"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question to be asked. `dedupe_key` makes a repeated one of the same order vanish."""

    audience: Audience
    text: str
    options: tuple[str, ...] = ()
    blocking: bool = True
    dedupe_key: str | None = None


async def ask_question(
    session: AsyncSession, order: Order, question: NewQuestion, *, actor: Actor, now: datetime
) -> OrderQuestion:
    """Keep a question about the locked order, which waits for the answer if it is blocking.

    Returns the question as it is kept: the earlier one if its key is known.
    """
    if question.dedupe_key is not None:
        known = await session.scalar(
            select(OrderQuestion).where(
                col(OrderQuestion.order_id) == order.id,
                col(OrderQuestion.dedupe_key) == question.dedupe_key,
            )
        )
        if known is not None:
            return known
    last = await session.scalar(
        select(func.max(OrderQuestion.number)).where(col(OrderQuestion.order_id) == order.id)
    )
    kept = OrderQuestion(
        order_id=order.id,
        number=(last or 0) + 1,
        intento=order.intento,
        audience=question.audience,
        question=question.text,
        options=list(question.options),
        blocking=question.blocking,
        dedupe_key=question.dedupe_key,
        asked_by=actor.id,
        asked_by_name=actor.name,
        asked_at=now,
    )
    session.add(kept)
    if question.blocking:
        order.espera = question.audience
    await session.flush()
    return kept


async def undelivered_answers(session: AsyncSession, order: Order) -> Sequence[OrderQuestion]:
    """Return the answered questions of this attempt that its session has not been given yet."""
    found = await session.scalars(
        select(OrderQuestion)
        .where(
            col(OrderQuestion.order_id) == order.id,
            col(OrderQuestion.intento) == order.intento,
            col(OrderQuestion.audience) != Audience.PLANIFICADOR,
            col(OrderQuestion.answered_at).is_not(None),
            col(OrderQuestion.delivered_at).is_(None),
        )
        .order_by(col(OrderQuestion.number))
    )
    return list(found)
