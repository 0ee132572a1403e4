"""Edit the plan that waits: a person's own version replaces it, and may be approved at once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderPlan
from axon_factory.domain.catalogue import ProductType
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.events import EventKind, NewEvent
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import flags_of, problems_by_field
from axon_factory.domain.states import Actor, PlanVersionStatus
from axon_factory.domain.text import Sentence
from axon_factory.orders.approval import approve_plan, require_may_approve
from axon_factory.orders.events import append_event
from axon_factory.orders.plans.notices import tell_waiting_plan
from axon_factory.orders.plans.questions import close_planner_questions
from axon_factory.orders.plans.versions import BY_A_PERSON, NewVersion, add_version
from axon_factory.orders.plans.waiting import PlanReference, waiting_plan
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import wake

__all__ = ["PlanEdit", "edit_plan"]

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
