"""Decide about the plan that waits: approve, reject, edit or ask (resolutions 23).

A decision is bound to the version and hash that the decider read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderPlan, OrderQuestion
from axon_factory.domain.catalogue import ProductType
from axon_factory.domain.errors import OwnOrder, ValidationFailed
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import flags_of, problems_by_field
from axon_factory.domain.sentences import Sentence
from axon_factory.domain.states import Actor, OrderState, PlanStatus, PlanVersionStatus
from axon_factory.orders.budget import WAITS_FOR_BUDGET
from axon_factory.orders.events import append_event
from axon_factory.orders.notifications.client_mails import tell_approval
from axon_factory.orders.plans.notices import tell_waiting_plan
from axon_factory.orders.plans.versions import (
    BY_A_PERSON,
    NewVersion,
    PlanReference,
    add_version,
    waiting_plan,
)
from axon_factory.orders.policy import ApprovalRules, Policy
from axon_factory.orders.promise import make_promise
from axon_factory.orders.questions.asking import Audience, NewQuestion, ask_question
from axon_factory.orders.questions.open import open_questions
from axon_factory.orders.transitions import transition, wake

__all__ = [
    "APPROVER",
    "PlanEdit",
    "PlanReference",
    "answered_by_client",
    "approve_plan",
    "ask_about_plan",
    "close_planner_questions",
    "edit_plan",
    "read_approver_questions",
    "reject_plan",
    "require_may_approve",
]

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


_SAME = Sentence(
    "Es igual al plan que espera: apruébalo o cambia algo",
    "It is the same as the plan that waits: approve that or change something",
)


@dataclass(frozen=True, slots=True)
class PlanEdit:
    """A person's own version. `base` is the plan that was edited, None for whatever waits.

    With `approve` construction begins; else the new version waits for a person's approval, which no
    policy gives it. `note` is kept with the version that is replaced.
    """

    plan: Plan
    base: PlanReference | None
    approve: bool
    note: str = ""


async def edit_plan(
    session: AsyncSession,
    order: Order,
    edit: PlanEdit,
    *,
    actor: Actor,
    policy: Policy,
    now: datetime,
) -> OrderPlan:
    """Put a person's version in the place of the locked order's waiting plan, and return it.

    Raises:
        OwnOrder: it is to be approved, and the actor placed the order.
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one that was edited.
        ValidationFailed: the line cannot take this plan, or nothing was changed in it.
    """
    if edit.approve:
        require_may_approve(order, actor, policy.approval)
    before = await waiting_plan(session, order, actor, edit.base)
    product = ProductType.from_snapshot(order.catalogo)
    _require_sound(edit.plan, before, product)
    before.estado = PlanVersionStatus.REEMPLAZADO
    before.decided_at, before.decided_by, before.motivo = now, actor.id, edit.note or None
    await close_planner_questions(session, order, now)
    flags = flags_of(edit.plan, product, order.datos_cliente["configuracion"])
    new = NewVersion(edit.plan, BY_A_PERSON, flags, actor.id, before.version)
    version = await add_version(session, order, new, now)
    order.fence += 1  # what is being answered about the plan before counts for nothing
    await append_event(
        session,
        order,
        NewEvent(
            kind=EventKind.PLAN_EDITADO,
            agent=actor.name,
            message=f"Plan v{version.version} escrito a partir del v{before.version}",
            metadata={
                "plan_version": version.version,
                "plan_hash": version.hash,
                "version_base": before.version,
            },
        ),
        actor=actor,
        now=now,
    )
    if edit.approve:
        await approve_plan(session, order, actor=actor, policy=policy, now=now, note=edit.note)
    else:
        await tell_waiting_plan(session, order, edit.plan, flags, policy=policy, now=now)
        await wake(session, order, now)
    return version


def _require_sound(edited: Plan, before: OrderPlan, product: ProductType) -> None:
    problems = problems_by_field(edited, product)
    if problems:
        raise ValidationFailed({f"plan.{field}": told for field, told in problems.items()})
    if edited.digest() == before.hash:
        raise ValidationFailed({"plan": _SAME})


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
