"""Read the versions of an order's plan, and who wrote and decided about each."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderPlan
from axon_factory.domain.errors import PlanNotFound
from axon_factory.domain.permissions import Principal
from axon_factory.orders.answers.shared import actor_name

__all__ = ["PlanVersion", "find_plan", "read_plan", "read_plans"]

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
