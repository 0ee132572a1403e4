"""A new attempt (`intento`) at an order that resumes where the one before it was."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.orders.open_questions import close_questions

__all__ = ["begin_attempt"]

# What an attempt had finished counts for the next one: it resumes, it does not start over.
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
        commit_id, actor, created_at)
    SELECT order_id, :next, check_name, passed, command, exit_code,
        duration_seconds, output_digest, output_tail, findings, isolation, timed_out, truncated,
        commit_id, actor, created_at
    FROM order_checks WHERE order_id = :order_id AND intento = :current AND passed
    """
)


async def begin_attempt(session: AsyncSession, order: Order, now: datetime) -> None:
    """Give the locked order its next attempt, with what was finished, and without a session.

    Tokens of the attempt before do not hold from here on, its open questions are moot, and a
    session of it that is still open is stopped (`orders/build_sessions.py`).
    """
    await close_questions(session, order, now)
    parameters = {"order_id": order.id, "current": order.intento, "next": order.intento + 1}
    await session.execute(_CARRY_MILESTONES, parameters)
    await session.execute(_CARRY_PASSED_CHECKS, parameters)
    order.intento += 1
    order.session_id = None
    order.session_open = False
    order.session_cursor = None
    order.reported = None
    order.silence = None
