"""Notice what has waited too long: plans, answers, open questions, silent sessions.

One query finds all of a kind. The outcome is noted in the same transaction, so a message is
written once by any number of workers, through any crash. Locked rows are left for the next look,
because nothing here may wait for a lock of a person who decides.

A session is silent if its agent gives no sign of life although the line looks at it. Silence does
not count while the factory itself is at work (the built-in builder works inside the call, and
publishing takes a while), while the order waits for an answer, or while the line has not looked:
its job is overdue because workers were away or busy, or the line is paused.
"""

from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import Select, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.sessions import Database
from axon_factory.db.tables import Order, OrderPlan, OrderQuestion
from axon_factory.domain.building import silence_of
from axon_factory.domain.names import SUPER_AXON
from axon_factory.domain.states import OrderState, PlanStatus, PlanVersionStatus
from axon_factory.orders.change import Change
from axon_factory.orders.plans.notices import remind_approver, tell_answer, tell_escalation
from axon_factory.orders.policy import ApprovalRules, Policy
from axon_factory.orders.questions.asking import Audience, tell_of_question
from axon_factory.orders.runs.liveness import mark_silent

_log = structlog.get_logger(__name__)
_MOST_AT_ONCE = 100
_MOST_DOUBLINGS = 5
_PEOPLE = r"^(user|local):"


async def remind_approvers(database: Database, policy: Policy, now: datetime) -> int:
    """Remind of plans that have waited for an interval more, escalate what has waited too long.

    A plan is escalated once. Returns how many messages were written.
    """
    rules, written = policy.approval, 0
    async with database.transaction("maintenance") as session:
        for plan, order in await session.execute(_overdue(rules, now)):
            waited = now - plan.created_at
            hours = round(waited.total_seconds() / 3600)
            if now - (plan.reminded_at or plan.created_at) >= rules.reminder:
                plan.reminders += 1
                plan.reminded_at = now
                await remind_approver(
                    Change(session, order, SUPER_AXON, policy, now),
                    number=plan.reminders,
                    hours=hours,
                )
                written += 1
            if plan.escalated_at is None and waited >= rules.escalation:
                plan.escalated_at = now
                await tell_escalation(Change(session, order, SUPER_AXON, policy, now), hours=hours)
                written += 1
    if written:
        _log.info("approvers reminded", count=written)
    return written


async def tell_answers(database: Database, policy: Policy, now: datetime) -> int:
    """Tell approvers what clients have answered about plans that still wait; return how many.

    An answer that comes later goes to the builder.
    """
    told = 0
    async with database.transaction("maintenance") as session:
        for question, order in await session.execute(_ANSWERED):
            question.delivered_at = now
            answer = question.answer or ""
            await tell_answer(Change(session, order, SUPER_AXON, policy, now), question, answer)
            told += 1
    return told


def _overdue(rules: ApprovalRules, now: datetime) -> Select[OrderPlan, Order]:
    first = min(rules.reminder, rules.escalation)
    return (
        select(OrderPlan, Order)
        .join(Order, col(Order.id) == col(OrderPlan.order_id))
        .where(
            col(OrderPlan.estado) == PlanVersionStatus.PENDIENTE_APROBACION,
            col(OrderPlan.created_at) <= now - first,
            or_(
                func.coalesce(col(OrderPlan.reminded_at), col(OrderPlan.created_at))
                <= now - rules.reminder,
                col(OrderPlan.escalated_at).is_(None)
                & (col(OrderPlan.created_at) <= now - rules.escalation),
            ),
            col(OrderPlan.version) == col(Order.plan_version),
            col(Order.estado) == OrderState.PLANIFICACION,
            col(Order.plan_estado) == PlanStatus.PENDIENTE_APROBACION,
        )
        .order_by(col(OrderPlan.created_at))
        .limit(_MOST_AT_ONCE)
        .with_for_update(skip_locked=True)
    )


_ANSWERED = (
    select(OrderQuestion, Order)
    .join(Order, col(Order.id) == col(OrderQuestion.order_id))
    .where(
        col(OrderQuestion.answered_at).is_not(None),
        col(OrderQuestion.delivered_at).is_(None),
        col(OrderQuestion.audience) == Audience.CLIENTE,
        col(OrderQuestion.blocking).is_(False),
        col(OrderQuestion.asked_by).regexp_match(_PEOPLE),
        col(Order.estado) == OrderState.PLANIFICACION,
    )
    .order_by(col(OrderQuestion.answered_at))
    .limit(_MOST_AT_ONCE)
    .with_for_update(skip_locked=True)
)


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
        "at_once": _MOST_AT_ONCE,
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
    """Post one reminder. A question that was settled while the lock was awaited gets none."""
    if question.answered_at is not None or question.closed_at is not None:
        return False
    order = await session.get_one(Order, question.order_id)
    question.reminders += 1
    question.reminded_at = now
    await tell_of_question(Change(session, order, SUPER_AXON, policy, now), question)
    return True


# The rows are locked by the query itself, so what it has found still holds when it is written; what
# another transaction has locked is looked at next time.
_SILENT = text(
    """
    SELECT id FROM orders
    WHERE session_open AND estado = 'construccion' AND espera IS NULL AND session_id IS NOT NULL
      AND heartbeat_at <= :silent_since
      AND silence IS DISTINCT FROM
          CASE WHEN heartbeat_at <= :stuck_since THEN 'estancado' ELSE 'sin_respuesta' END
      AND NOT EXISTS (SELECT 1 FROM line_controls WHERE mode IN ('pausada', 'detenida'))
      AND NOT EXISTS (
          SELECT 1 FROM order_steps
          WHERE order_id = orders.id AND intento = orders.intento AND finished_at IS NULL
            AND (orders.builder = 'templates' OR step NOT LIKE 'construir:%'
                 OR started_at > :silent_since)
      )
      AND NOT EXISTS (
          SELECT 1 FROM procrastinate_jobs
          WHERE lock = 'order:' || orders.id::text AND status = 'todo'
            AND (scheduled_at IS NULL OR scheduled_at <= :now)
      )
    ORDER BY heartbeat_at LIMIT :at_once
    FOR UPDATE OF orders SKIP LOCKED
    """
)


async def notice_silence(database: Database, policy: Policy) -> int:
    """Mark the sessions that are silent, or more silent than they were; return how many."""
    now, rules = datetime.now(UTC), policy.agents
    stuck = max(rules.stuck, rules.silent)
    parameters = {
        "now": now,
        "silent_since": now - rules.silent,
        "stuck_since": now - stuck,
        "at_once": _MOST_AT_ONCE,
    }
    async with database.transaction("maintenance") as session:
        found: list[UUID] = list(await session.scalars(_SILENT, parameters))
        for order_id in found:
            order = await session.get_one(Order, order_id)
            if order.heartbeat_at is None:
                continue
            level = silence_of(order.heartbeat_at, now, silent=rules.silent, stuck=rules.stuck)
            if level is not None:
                await mark_silent(Change(session, order, SUPER_AXON, policy, now), level)
    if found:
        _log.warning("sessions silent", count=len(found))
    return len(found)
