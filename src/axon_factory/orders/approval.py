"""Decide about a plan: approve or reject, bound to its version and hash (resolutions 23)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.errors import OwnOrder
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.states import Actor, OrderState, PlanStatus, PlanVersionStatus
from axon_factory.orders.mails.client import tell_approval
from axon_factory.orders.plans.questions import close_planner_questions
from axon_factory.orders.plans.waiting import PlanReference, waiting_plan
from axon_factory.orders.policy import ApprovalRules, Policy
from axon_factory.orders.promise import make_promise
from axon_factory.orders.transitions import transition

__all__ = ["APPROVER", "PlanReference", "approve_plan", "reject_plan", "require_may_approve"]

APPROVER = "Aprobador"
"""Whom an order shows as responsible while it waits for a decision; clients see no address."""


def require_may_approve(order: Order, actor: Actor, rules: ApprovalRules) -> None:
    """Refuse whoever placed the order, where a setting says that somebody else approves.

    Raises:
        OwnOrder: the actor placed it.
    """
    if not rules.may_approve(actor.id, placed_by=order.created_by):
        raise OwnOrder


async def approve_plan(
    session: AsyncSession,
    order: Order,
    *,
    actor: Actor,
    policy: Policy,
    now: datetime,
    plan: PlanReference | None = None,
    note: str = "",
) -> None:
    """Record the approval of the locked order's waiting plan and start construction.

    The client is told of the promise that is made.

    `plan` binds the decision to what the decider read; None takes the plan that waits.

    Raises:
        OwnOrder: the actor placed the order, and the policy says that somebody else approves.
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one decided about; it shows what changed.
    """
    require_may_approve(order, actor, policy.approval)
    waiting = await waiting_plan(session, order, actor, plan)
    waiting.estado = PlanVersionStatus.APROBADO
    waiting.decided_at, waiting.decided_by, waiting.motivo = now, actor.id, note or None
    order.plan_estado = PlanStatus.APROBADO
    order.aprobado_at = now
    await make_promise(session, order, now)
    await close_planner_questions(session, order, now)
    await transition(
        session,
        order,
        OrderState.CONSTRUCCION,
        actor=actor,
        now=now,
        event=NewEvent(
            kind=EventKind.PLAN_APROBADO,
            agent=actor.name,
            message=f"Plan v{waiting.version} aprobado; empieza la construcción",
            level=LogLevel.SUCCESS,
            metadata={
                "estado_anterior": OrderState.PLANIFICACION.value,
                "estado_nuevo": OrderState.CONSTRUCCION.value,
                "plan_version": waiting.version,
                "plan_hash": waiting.hash,
            },
        ),
    )
    await tell_approval(session, order, policy=policy, now=now)


async def reject_plan(
    session: AsyncSession,
    order: Order,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    plan: PlanReference | None = None,
) -> None:
    """Record the rejection of the waiting plan; the order is planned again with the reason.

    Raises:
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one decided about; it shows what changed.
    """
    waiting = await waiting_plan(session, order, actor, plan)
    waiting.estado = PlanVersionStatus.RECHAZADO
    waiting.decided_at, waiting.decided_by, waiting.motivo = now, actor.id, reason
    order.plan_estado = PlanStatus.RECHAZADO
    await close_planner_questions(session, order, now)
    await transition(
        session,
        order,
        OrderState.PLANIFICACION,
        actor=actor,
        now=now,
        event=NewEvent(
            kind=EventKind.PLAN_RECHAZADO,
            agent=actor.name,
            message=f"Plan v{waiting.version} rechazado: {reason}",
            level=LogLevel.WARNING,
            visibility=Visibility.INTERNO,  # the reason is the approver's word to the planner
            metadata={
                "estado_anterior": OrderState.PLANIFICACION.value,
                "estado_nuevo": OrderState.PLANIFICACION.value,
                "plan_version": waiting.version,
                "motivo": reason,
            },
        ),
    )
