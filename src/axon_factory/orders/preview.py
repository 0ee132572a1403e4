"""What an order would be if it were placed: price, plan, place in the queue, promised range."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.plan import Plan
from axon_factory.domain.progress import Pace, Remaining, remaining
from axon_factory.domain.states import OrderState
from axon_factory.orders.builder_choice import chosen_builder
from axon_factory.orders.capacity import count_ahead
from axon_factory.orders.pace import measured_pace
from axon_factory.orders.policy import Policy
from axon_factory.orders.requests import NewOrder
from axon_factory.ports.planner import PlanRequest

__all__ = ["OrderPreview", "plan_request", "preview_order"]


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What the client is told before anything is stored."""

    request: NewOrder
    price: Decimal
    currency: str
    plan: Plan
    ahead: int
    """How many orders the line takes before this one."""
    remaining: Remaining
    pace: Pace


def plan_request(request: NewOrder) -> PlanRequest:
    """Return what a planner may know of an order that has neither id nor number."""
    return PlanRequest(
        order_id="",
        order_number="",
        product_type=request.tipo_producto,
        product_name=request.nombre_producto,
        industry=request.datos_cliente.industria or "general",
        configuration=request.datos_cliente.configuracion,
    )


async def preview_order(
    session: AsyncSession, request: NewOrder, policy: Policy, plan: Plan
) -> OrderPreview:
    """Return what placing `request` with `plan` would give; nothing is written, no number taken.

    Raises:
        ValidationFailed: the order names a builder that is not configured here.
    """
    chosen_builder(request, policy)
    product = PRODUCT_TYPES[request.tipo_producto]
    pace = await measured_pace(session, product.id)
    left = remaining(OrderState.NUEVO, plan.estimacion_horas, 0, pace)
    if left is None:
        raise ValueError("a new order has everything before it")
    return OrderPreview(
        request=request,
        price=Decimal(product.precio_base_usd),
        currency=policy.currency,
        plan=plan,
        ahead=await count_ahead(session, rank=request.prioridad.rank),
        remaining=left,
        pace=pace,
    )
