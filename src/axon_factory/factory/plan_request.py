"""What a planner is told about an order: never more than a model may read (resolutions 11, 29)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderPlan
from axon_factory.domain.plan import Plan
from axon_factory.domain.states import PlanVersionStatus
from axon_factory.orders.budget import models_allowed, remaining_budget
from axon_factory.orders.plans.questions import answered_by_client
from axon_factory.orders.plans.read import find_plan
from axon_factory.orders.policy import Policy
from axon_factory.ports.planner import PlanRequest

__all__ = ["plan_request"]


async def plan_request(
    session: AsyncSession, order: Order, policy: Policy, now: datetime
) -> PlanRequest:
    """Collect what the planner may know of the order, and what it may cost."""
    rejected = await _last_rejection(session, order)
    return PlanRequest(
        order_id=str(order.id),
        order_number=order.order_number,
        product_type=order.tipo_producto,
        product_name=order.nombre_producto,
        industry=order.datos_cliente.get("industria", "general"),
        configuration=order.datos_cliente["configuracion"],
        client_name=order.datos_cliente["nombre"],
        rejection_reason=rejected.motivo if rejected else None,
        rejected_plan=Plan.model_validate(rejected.plan) if rejected else None,
        answers=await answered_by_client(session, order),
        budget=await remaining_budget(session, order, policy, now),
        models_allowed=models_allowed(order),
    )


async def _last_rejection(session: AsyncSession, order: Order) -> OrderPlan | None:
    newest = await find_plan(session, order, order.plan_version)
    rejected = newest is not None and newest.estado == PlanVersionStatus.RECHAZADO
    return newest if rejected else None
