"""The plan that waits for a decision, and whether it is the one that the decider read."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderPlan
from axon_factory.domain.errors import PlanOutdated
from axon_factory.domain.plan import Difference, Plan, differences
from axon_factory.domain.states import Actor, OrderState, PlanStatus
from axon_factory.domain.text import Sentence
from axon_factory.orders.plans.read import find_plan
from axon_factory.orders.transitions import refuse

__all__ = ["PlanReference", "waiting_plan"]

_NO_PLAN = Sentence(
    "Ningún plan espera aprobación en esta orden", "No plan of this order waits for approval"
)


@dataclass(frozen=True, slots=True)
class PlanReference:
    """The plan that the decider read."""

    version: int
    digest: str


async def waiting_plan(
    session: AsyncSession, order: Order, actor: Actor, reference: PlanReference | None
) -> OrderPlan:
    """Return the plan of the locked order that waits for a decision.

    `reference` is what the decider read; None takes whatever waits.

    Raises:
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one that was read; it shows what changed.
    """
    if (
        order.estado != OrderState.PLANIFICACION
        or order.plan_estado != PlanStatus.PENDIENTE_APROBACION
    ):
        raise await refuse(session, order, OrderState.PLANIFICACION, actor, _NO_PLAN)
    waiting = await find_plan(session, order, order.plan_version)
    if waiting is None:
        raise await refuse(session, order, OrderState.PLANIFICACION, actor, _NO_PLAN)
    if reference is not None and reference != PlanReference(waiting.version, waiting.hash):
        raise await _outdated(session, order, waiting, reference)
    return waiting


async def _outdated(
    session: AsyncSession, order: Order, waiting: OrderPlan, read: PlanReference
) -> PlanOutdated:
    changes = await _changes(session, order, waiting, read)
    return PlanOutdated(
        f"Leíste el plan v{read.version}; el que espera es el v{waiting.version}",
        message_en=f"You read plan v{read.version}; v{waiting.version} is waiting",
        extra={
            "plan_version": waiting.version,
            "plan_hash": waiting.hash,
            "cambios": None if changes is None else [change.document() for change in changes],
        },
    )


async def _changes(
    session: AsyncSession, order: Order, waiting: OrderPlan, read: PlanReference
) -> Sequence[Difference] | None:
    """Return what changed since the decider read; None if what they read was never ours."""
    known = await find_plan(session, order, read.version)
    if known is None or known.hash != read.digest:
        return None
    return differences(Plan.model_validate(known.plan), Plan.model_validate(waiting.plan))
