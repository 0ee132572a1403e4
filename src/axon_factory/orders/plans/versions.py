"""Versions of an order's plan: added, read, compared; and the one that waits for a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.sessions import flush_unless_joined
from axon_factory.db.tables import Order, OrderPlan
from axon_factory.domain.catalogue import ProductType
from axon_factory.domain.catalogue.product_types import default_plan
from axon_factory.domain.errors import PlanNotFound, PlanOutdated
from axon_factory.domain.permissions import Principal
from axon_factory.domain.plan import Difference, Plan, differences
from axon_factory.domain.plan_review import PlanFlag
from axon_factory.domain.states import OrderState, PlanStatus, PlanVersionStatus
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.shared import actor_name
from axon_factory.orders.change import Change

__all__ = [
    "BY_A_PERSON",
    "CATALOGUE",
    "Against",
    "NewVersion",
    "PlanComparison",
    "PlanReference",
    "PlanVersion",
    "add_version",
    "compare_plans",
    "find_plan",
    "read_plan",
    "read_plans",
    "waiting_plan",
]

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


async def add_version(change: Change, new: NewVersion) -> OrderPlan:
    """Make `new` the locked order's newest version, which waits for approval, and return it."""
    order = change.order
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
        created_at=change.now,
    )
    change.tx.add(version)
    await flush_unless_joined(change.tx)
    return version


# A version keeps the ids of who acted; the events of the same acts have their names.
_NAMES = text(
    """
    SELECT plan.version, coalesce(written.agente, plan.author) AS author,
           coalesce(decided.agente, plan.decided_by) AS decider
    FROM order_plans AS plan
    LEFT JOIN LATERAL (
        SELECT agente FROM order_events
        WHERE order_id = plan.order_id AND actor = plan.author AND received_at = plan.created_at
          AND kind = 'plan.editado' ORDER BY seq LIMIT 1
    ) AS written ON true
    LEFT JOIN LATERAL (
        SELECT agente FROM order_events
        WHERE order_id = plan.order_id AND actor = plan.decided_by
          AND received_at = plan.decided_at
          AND kind IN ('plan.aprobado', 'plan.rechazado', 'plan.editado', 'plan.retirado')
        ORDER BY seq LIMIT 1
    ) AS decided ON true
    WHERE plan.order_id = :order_id AND (:version = 0 OR plan.version = :version)
    """
)
_ALL = 0


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """A version of the plan, with the names of its people as the caller may read them."""

    row: OrderPlan
    author: str | None
    decider: str | None


async def find_plan(session: AsyncSession, order: Order, version: int) -> OrderPlan | None:
    """Return a version of the order's plan, None if there is no such version."""
    return await session.scalar(
        select(OrderPlan).where(
            col(OrderPlan.order_id) == order.id, col(OrderPlan.version) == version
        )
    )


async def read_plans(
    session: AsyncSession, order: Order, principal: Principal
) -> Sequence[PlanVersion]:
    """Return every version, the oldest first."""
    rows = await session.scalars(
        select(OrderPlan)
        .where(col(OrderPlan.order_id) == order.id)
        .order_by(col(OrderPlan.version))
    )
    return await _named(session, order, list(rows), principal, _ALL)


async def read_plan(
    session: AsyncSession, order: Order, version: int, principal: Principal
) -> PlanVersion:
    """Return one version.

    Raises:
        PlanNotFound: the order has no such version.
    """
    row = await find_plan(session, order, version)
    if row is None:
        raise PlanNotFound(order.order_number, version)
    return (await _named(session, order, [row], principal, version))[0]


async def _named(
    session: AsyncSession,
    order: Order,
    rows: Sequence[OrderPlan],
    principal: Principal,
    version: int,
) -> list[PlanVersion]:
    found = await session.execute(_NAMES, {"order_id": order.id, "version": version})
    names = {row.version: row for row in found}
    return [
        PlanVersion(
            row,
            _name(names[row.version].author, row.author, principal),
            _name(names[row.version].decider, row.decided_by, principal),
        )
        for row in rows
    ]


def _name(name: str | None, actor: str | None, principal: Principal) -> str | None:
    return None if name is None or actor is None else actor_name(name, actor, principal)


_NO_PLAN = Sentence(
    "Ningún plan espera aprobación en esta orden", "No plan of this order waits for approval"
)


@dataclass(frozen=True, slots=True)
class PlanReference:
    """The plan that the decider read."""

    version: int
    digest: str


async def waiting_plan(change: Change, reference: PlanReference | None) -> OrderPlan:
    """Return the plan of the locked order that waits for a decision.

    `reference` is the plan that the decider read. None takes the plan that waits.

    Raises:
        TransitionRefused: no plan waits for approval.
        PlanOutdated: another plan waits than the one that was read; it shows what changed.
    """
    order = change.order
    if (
        order.estado != OrderState.PLANIFICACION
        or order.plan_estado != PlanStatus.PENDIENTE_APROBACION
    ):
        raise await change.refuse(OrderState.PLANIFICACION, _NO_PLAN)
    waiting = await find_plan(change.tx, order, order.plan_version)
    if waiting is None:
        raise await change.refuse(OrderState.PLANIFICACION, _NO_PLAN)
    if reference is not None and reference != PlanReference(waiting.version, waiting.hash):
        raise await _outdated(change.tx, order, waiting, reference)
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


CATALOGUE: Literal["catalogo"] = "catalogo"
"""Names the plan that the catalogue has for the order, as it was when the order was placed."""

Against = int | Literal["catalogo"]


@dataclass(frozen=True, slots=True)
class PlanComparison:
    """What a version has otherwise than what it is compared with."""

    version: int
    against: Against
    differences: Sequence[Difference]


async def compare_plans(
    session: AsyncSession, order: Order, version: int, against: Against | None = None
) -> PlanComparison:
    """Return what changed from `against` to `version`.

    Without `against` that is the version before it, or of the first the catalogue.

    Raises:
        PlanNotFound: the order has no such version.
    """
    other: Against = against or (version - 1 if version > 1 else CATALOGUE)
    after = await _plan(session, order, version)
    if other == CATALOGUE:
        product = ProductType.from_snapshot(order.catalogo)
        before = default_plan(product, order.datos_cliente["configuracion"])
    else:
        before = await _plan(session, order, other)
    return PlanComparison(version, other, differences(before, after))


async def _plan(session: AsyncSession, order: Order, version: int) -> Plan:
    row = await find_plan(session, order, version)
    if row is None:
        raise PlanNotFound(order.order_number, version)
    return Plan.model_validate(row.plan)
