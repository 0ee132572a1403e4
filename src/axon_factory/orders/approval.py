"""Decide about a plan: approve or reject, bound to its version and hash (resolutions 23)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderPlan
from axon_factory.domain.errors import PlanOutdated
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.sentences import Sentence
from axon_factory.domain.states import Actor, OrderState, PlanStatus
from axon_factory.orders.promise import make_promise
from axon_factory.orders.transitions import refuse, transition

__all__ = ["APPROVER", "PlanReference", "approve_plan", "reject_plan"]


_NO_PLAN = Sentence(
    "Ningún plan espera aprobación en esta orden", "No plan of this order waits for approval"
)
APPROVER = "Aprobador"
"""Whom an order shows as responsible while it waits for a decision; clients see no address."""


@dataclass(frozen=True, slots=True)
class PlanReference:
    """The plan that the decider read."""

    version: int
    digest: str


async def approve_plan(
    session: AsyncSession,
    order: Order,
    *,
    actor: Actor,
    now: datetime,
    plan: PlanReference | None = None,
    note: str = "",
) -> None:
    """Record the approval of the locked order's waiting plan and start construction.

    `plan` binds the decision to what the decider read; None takes the plan that waits.

    Raises:
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one decided about.
    """
    waiting = await _waiting_plan(session, order, OrderState.CONSTRUCCION, actor, plan)
    waiting.estado = PlanStatus.APROBADO
    waiting.decided_at, waiting.decided_by, waiting.motivo = now, actor.id, note or None
    order.plan_estado = PlanStatus.APROBADO
    order.aprobado_at = now
    await make_promise(session, order, now)
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
        PlanOutdated: another plan waits than the one decided about.
    """
    waiting = await _waiting_plan(session, order, OrderState.PLANIFICACION, actor, plan)
    waiting.estado = PlanStatus.RECHAZADO
    waiting.decided_at, waiting.decided_by, waiting.motivo = now, actor.id, reason
    order.plan_estado = PlanStatus.RECHAZADO
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


async def _waiting_plan(
    session: AsyncSession,
    order: Order,
    target: OrderState,
    actor: Actor,
    reference: PlanReference | None,
) -> OrderPlan:
    if (
        order.estado != OrderState.PLANIFICACION
        or order.plan_estado != PlanStatus.PENDIENTE_APROBACION
    ):
        raise refuse(order, target, actor, _NO_PLAN)
    if reference is not None and (
        reference.version != order.plan_version or reference.digest != order.plan_hash
    ):
        raise PlanOutdated(
            f"Leíste el plan v{reference.version}; el que espera es el v{order.plan_version}",
            message_en=f"You read plan v{reference.version}; v{order.plan_version} is waiting",
            extra={"plan_version": order.plan_version, "plan_hash": order.plan_hash},
        )
    plan = await session.scalar(
        select(OrderPlan).where(
            col(OrderPlan.order_id) == order.id, col(OrderPlan.version) == order.plan_version
        )
    )
    if plan is None:
        raise refuse(order, target, actor, _NO_PLAN)
    return plan
