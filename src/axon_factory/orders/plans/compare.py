"""Compare versions of an order's plan with one another, and with the catalogue's default."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.catalogue import ProductType
from axon_factory.domain.catalogue.default_plan import default_plan
from axon_factory.domain.errors import PlanNotFound
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_diff import Difference, differences
from axon_factory.orders.answers import plans as answers
from axon_factory.orders.plans.read import find_plan

__all__ = ["CATALOGUE", "Against", "PlanComparison", "compare_plans"]

CATALOGUE: Literal["catalogo"] = "catalogo"
"""Names the plan that the catalogue has for the order, as it was when the order was placed."""

Against = int | Literal["catalogo"]


@dataclass(frozen=True, slots=True)
class PlanComparison:
    """What a version has otherwise than what it is compared with."""

    version: int
    against: Against
    differences: Sequence[Difference]

    def document(self, order: Order) -> dict[str, Any]:
        """Return it as it is answered."""
        return answers.PlanComparison.of(
            order,
            version=self.version,
            contra=self.against,
            iguales=not self.differences,
            cambios=[difference.document() for difference in self.differences],
        )


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
