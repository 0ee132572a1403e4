"""Decide about the plan that waits: approve, reject, edit or ask (resolutions 23).

A decision is bound to the version and hash that the decider read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderPlan, OrderQuestion
from axon_factory.domain.catalogue import ProductType
from axon_factory.domain.errors import OwnOrder, ValidationFailed
from axon_factory.domain.events import EventKind, LogLevel, Visibility
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import flags_of, problems_by_field
from axon_factory.domain.states import Actor, OrderState, PlanStatus, PlanVersionStatus, WaitsFor
from axon_factory.domain.text import Sentence
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.client_mails import tell_approval
from axon_factory.orders.plans.notices import tell_waiting_plan
from axon_factory.orders.plans.versions import (
    BY_A_PERSON,
    NewVersion,
    PlanReference,
    add_version,
    waiting_plan,
)
from axon_factory.orders.policy import ApprovalRules
from axon_factory.orders.promise import make_promise
from axon_factory.orders.questions.asking import Audience, NewQuestion, ask_question
from axon_factory.orders.questions.open import open_questions

__all__ = [
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


def require_may_approve(order: Order, actor: Actor, rules: ApprovalRules) -> None:
    """Refuse the actor that placed the order, where a setting wants another approver.

    Raises:
        OwnOrder: the actor placed it.
    """
    if not rules.may_approve(actor.id, placed_by=order.created_by):
        raise OwnOrder


async def approve_plan(
    change: Change, *, plan: PlanReference | None = None, note: str = ""
) -> None:
    """Record the approval of the locked order's waiting plan and start construction.

    The client is told of the promise that is made.

    `plan` binds the decision to what the decider read; None takes the plan that waits.

    Raises:
        OwnOrder: the actor placed the order, and the policy wants another approver.
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one decided about; it shows what changed.
    """
    order = change.order
    require_may_approve(order, change.actor, change.policy.approval)
    waiting = await waiting_plan(change, plan)
    waiting.estado = PlanVersionStatus.APROBADO
    waiting.decided_at, waiting.decided_by = change.now, change.actor.id
    waiting.motivo = note or None
    order.plan_estado = PlanStatus.APROBADO
    order.aprobado_at = change.now
    await make_promise(change.tx, order, change.now)
    await close_planner_questions(change)
    await change.move(
        OrderState.CONSTRUCCION,
        f"Plan v{waiting.version} aprobado; empieza la construcción",
        kind=EventKind.PLAN_APROBADO,
        level=LogLevel.SUCCESS,
        plan_version=waiting.version,
        plan_hash=waiting.hash,
    )
    await tell_approval(change)


async def reject_plan(change: Change, *, reason: str, plan: PlanReference | None = None) -> None:
    """Record the rejection of the waiting plan; the order is planned again with the reason.

    Raises:
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one decided about; it shows what changed.
    """
    waiting = await waiting_plan(change, plan)
    waiting.estado = PlanVersionStatus.RECHAZADO
    waiting.decided_at, waiting.decided_by, waiting.motivo = change.now, change.actor.id, reason
    change.order.plan_estado = PlanStatus.RECHAZADO
    await close_planner_questions(change)
    await change.move(
        OrderState.PLANIFICACION,
        f"Plan v{waiting.version} rechazado: {reason}",
        kind=EventKind.PLAN_RECHAZADO,
        level=LogLevel.WARNING,
        visibility=Visibility.INTERNO,  # the reason is the approver's word to the planner
        plan_version=waiting.version,
        motivo=reason,
    )


_SAME = Sentence(
    "Es igual al plan que espera: apruébalo o cambia algo",
    "It is the same as the plan that waits: approve that or change something",
)


@dataclass(frozen=True, slots=True)
class PlanEdit:
    """A person's own version. `base` is the plan that was edited, None for the plan that waits.

    With `approve` construction begins; else the new version waits for a person's approval, which no
    policy gives it. `note` is kept with the version that is replaced.
    """

    plan: Plan
    base: PlanReference | None
    approve: bool
    note: str = ""


async def edit_plan(change: Change, edit: PlanEdit) -> OrderPlan:
    """Put a person's version in the place of the locked order's waiting plan, and return it.

    Raises:
        OwnOrder: it is to be approved, and the actor placed the order.
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one that was edited.
        ValidationFailed: the line cannot take this plan, or nothing was changed in it.
    """
    order = change.order
    if edit.approve:
        require_may_approve(order, change.actor, change.policy.approval)
    before = await waiting_plan(change, edit.base)
    product = ProductType.from_snapshot(order.catalogo)
    _require_sound(edit.plan, before, product)
    before.estado = PlanVersionStatus.REEMPLAZADO
    before.decided_at, before.decided_by = change.now, change.actor.id
    before.motivo = edit.note or None
    await close_planner_questions(change)
    flags = flags_of(edit.plan, product, order.datos_cliente["configuracion"])
    new = NewVersion(edit.plan, BY_A_PERSON, flags, change.actor.id, before.version)
    version = await add_version(change, new)
    order.fence += 1  # what is being answered about the plan before counts for nothing
    await change.tell(
        EventKind.PLAN_EDITADO,
        f"Plan v{version.version} escrito a partir del v{before.version}",
        plan_version=version.version,
        plan_hash=version.hash,
        version_base=before.version,
    )
    if edit.approve:
        await approve_plan(change, note=edit.note)
    else:
        await tell_waiting_plan(change, edit.plan, flags)
        await change.wake()
    return version


def _require_sound(edited: Plan, before: OrderPlan, product: ProductType) -> None:
    problems = problems_by_field(edited, product)
    if problems:
        raise ValidationFailed({f"plan.{field}": told for field, told in problems.items()})
    if edited.digest() == before.hash:
        raise ValidationFailed({"plan": _SAME})


async def ask_about_plan(
    change: Change, question: str, audience: Audience, *, plan: PlanReference | None
) -> OrderQuestion:
    """Ask about the waiting plan; the plan goes on waiting and may be decided at any time.

    The line asks the planner next; a client is told by mail.

    Raises:
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one that was read.
    """
    await waiting_plan(change, plan)
    asked = await ask_question(change, NewQuestion(audience, question, blocking=False))
    await change.wake()
    return asked


async def close_planner_questions(change: Change) -> None:
    """Close the questions to the planner: the plan that they are about is decided."""
    order = change.order
    for question in await open_questions(change.tx, order, Audience.PLANIFICADOR):
        question.closed_at = change.now
        if order.espera == WaitsFor.PRESUPUESTO:  # it waited for what the answer would have cost
            order.espera = order.espera_causa = None


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
