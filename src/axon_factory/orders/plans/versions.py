"""Add a version to an order's plan; it then waits for approval."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderPlan
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import PlanFlag
from axon_factory.domain.states import PlanStatus, PlanVersionStatus

__all__ = ["BY_A_PERSON", "NewVersion", "add_version"]

BY_A_PERSON = "persona"
"""The planner of a version that a person wrote."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A plan without problems, and where it comes from.

    `author` is the person who wrote it from `base_version`; `model` and `prompt_version` say which
    model made it otherwise.
    """

    plan: Plan
    planner: str
    flags: Sequence[PlanFlag]
    author: str | None = None
    base_version: int | None = None
    model: str | None = None
    prompt_version: str | None = None


async def add_version(
    session: AsyncSession, order: Order, new: NewVersion, now: datetime
) -> OrderPlan:
    """Make `new` the locked order's newest version, which waits for approval, and return it."""
    document = new.plan.model_dump(mode="json")
    order.plan_version += 1
    order.plan, order.plan_hash = document, new.plan.digest()
    order.plan_estado = PlanStatus.PENDIENTE_APROBACION
    version = OrderPlan(
        order_id=order.id,
        version=order.plan_version,
        plan=document,
        hash=order.plan_hash,
        planner=new.planner,
        author=new.author,
        base_version=new.base_version,
        model=new.model,
        prompt_version=new.prompt_version,
        flags=[flag.document() for flag in new.flags],
        estado=PlanVersionStatus.PENDIENTE_APROBACION,
        created_at=now,
    )
    session.add(version)
    await session.flush()
    return version
