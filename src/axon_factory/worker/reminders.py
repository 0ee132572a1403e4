"""Tell approvers what has waited too long for them, and what was answered to them.

One query finds all of it; what is told is noted in the same transaction, so that it is told once by
any number of workers, through any crash. Rows that somebody is working on are left for next time:
nobody here waits for a lock, which somebody who decides might wait for in turn.
"""

from datetime import datetime

import structlog
from sqlalchemy import Select, func, or_, select
from sqlmodel import col

from axon_factory.db.sessions import Database
from axon_factory.db.tables import Order, OrderPlan, OrderQuestion
from axon_factory.domain.speakers import SUPER_AXON
from axon_factory.domain.states import OrderState, PlanStatus, PlanVersionStatus
from axon_factory.orders.change import Change
from axon_factory.orders.plans.notices import remind_approver, tell_answer, tell_escalation
from axon_factory.orders.policy import ApprovalRules, Policy
from axon_factory.orders.questions.asking import Audience

__all__ = ["remind_approvers", "tell_answers"]

_log = structlog.get_logger(__name__)
_MOST_AT_ONCE = 100
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

    An answer that comes later goes to whoever builds.
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
