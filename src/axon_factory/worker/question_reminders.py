"""Remind those who owe an answer: one query, however many questions are open."""

from datetime import UTC, datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import Database
from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.speakers import SUPER_AXON
from axon_factory.orders.change import Change
from axon_factory.orders.policy import Policy
from axon_factory.orders.questions.asking import tell_of_question

__all__ = ["remind_of_questions"]

_log = structlog.get_logger(__name__)

_AT_ONCE = 100
_MOST_DOUBLINGS = 5

# Each reminder waits twice as long as the one before. The order's row is locked first, as everybody
# does who changes one of its questions; what another transaction has locked is for the next time.
# The question's own row is locked too, so that one that another worker has just told is looked at
# anew.
_DUE = text(
    """
    SELECT q.order_id, q.number
    FROM order_questions q JOIN orders ON orders.id = q.order_id
    WHERE q.answered_at IS NULL AND q.closed_at IS NULL AND q.audience IN ('cliente', 'operador')
      AND coalesce(q.reminded_at, q.asked_at)
          <= :now - make_interval(secs => :wait * power(2, least(q.reminders, :doublings)))
    ORDER BY q.asked_at LIMIT :at_once
    FOR UPDATE OF orders, q SKIP LOCKED
    """
)


async def remind_of_questions(database: Database, policy: Policy) -> int:
    """Post the reminders that are due; return how many."""
    now = datetime.now(UTC)
    parameters = {
        "now": now,
        "wait": policy.approval.question_reminder.total_seconds(),
        "doublings": _MOST_DOUBLINGS,
        "at_once": _AT_ONCE,
    }
    async with database.transaction("maintenance") as session:
        due = [(row.order_id, row.number) for row in await session.execute(_DUE, parameters)]
        posted = 0
        for key in due:
            posted += await _remind(session, await session.get_one(OrderQuestion, key), policy, now)
    if posted:
        _log.info("reminded of open questions", count=posted)
    return posted


async def _remind(
    session: AsyncSession, question: OrderQuestion, policy: Policy, now: datetime
) -> bool:
    """Post one reminder; not of a question that was settled while its order's lock was awaited."""
    if question.answered_at is not None or question.closed_at is not None:
        return False
    order = await session.get_one(Order, question.order_id)
    question.reminders += 1
    question.reminded_at = now
    await tell_of_question(Change(session, order, SUPER_AXON, policy, now), question)
    return True
