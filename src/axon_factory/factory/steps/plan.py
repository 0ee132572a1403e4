"""Plan: claim the order, have a plan made, tell the approver (design §5.2, resolutions 22, 23)."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderPlan
from axon_factory.domain.catalogue import ProductType
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import flags_of, problems_of
from axon_factory.domain.states import OrderState, PlanStatus
from axon_factory.factory.step import line_actor
from axon_factory.orders.approval import APPROVER, approve_plan
from axon_factory.orders.budget import (
    ask_for_budget,
    models_allowed,
    record_uses,
    remaining_budget,
)
from axon_factory.orders.events import append_event
from axon_factory.orders.outbox import post_message
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import transition, wake
from axon_factory.ports.errors import PortError
from axon_factory.ports.planner import Planner, PlanningOutcome, PlanRequest

__all__ = ["AutoApprove", "Claim", "MakePlan"]

_SUPER_AXON = line_actor("Super Axon Agent")
_PLANNER = line_actor("Planner Agent")


class Claim:
    """Take a new order: from here on it is this line's to plan."""

    async def apply(self, session: AsyncSession, order: Order, now: datetime) -> None:
        """Move the order to `planificacion`, a plan being made."""
        order.plan_estado = PlanStatus.GENERANDO
        order.asignado_a = _SUPER_AXON.name
        await transition(
            session,
            order,
            OrderState.PLANIFICACION,
            actor=_SUPER_AXON,
            now=now,
            event=NewEvent(
                kind=EventKind.ESTADO_CAMBIADO,
                agent=_SUPER_AXON.name,
                message="Orden recibida, iniciando planificación",
                metadata={
                    "estado_anterior": OrderState.NUEVO.value,
                    "estado_nuevo": OrderState.PLANIFICACION.value,
                },
            ),
        )


class MakePlan:
    """Have the planner make a plan; it then waits for approval."""

    cause = FailureCause.PLANIFICACION_FALLIDA

    def __init__(self, planner: Planner, policy: Policy) -> None:
        """`policy` says whom to notify."""
        self._planner = planner
        self._policy = policy

    async def prepare(self, session: AsyncSession, order: Order, _step: DueStep) -> PlanRequest:
        """Collect what the planner may know of the order."""
        order.plan_estado = PlanStatus.GENERANDO
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
            budget=await remaining_budget(session, order, self._policy, datetime.now(UTC)),
            models_allowed=models_allowed(order),
        )

    async def call(self, work: PlanRequest, *, idempotency_key: str) -> PlanningOutcome:
        """Ask the planner."""
        return await self._planner.make_plan(work, idempotency_key=idempotency_key)

    async def record(
        self,
        session: AsyncSession,
        order: Order,
        _work: PlanRequest,
        outcome: PlanningOutcome,
        now: datetime,
    ) -> None:
        """Store the plan as the order's next version and notify the approver.

        Raises:
            PortError: the plan is not made of parts of the catalogue.
        """
        await record_uses(session, order, outcome.uses, "plan")
        if outcome.plan is None:
            await ask_for_budget(session, order, actor=_SUPER_AXON, policy=self._policy, now=now)
            await wake(session, order, now)
            return
        plan, product = outcome.plan, ProductType.from_snapshot(order.catalogo)
        problems = problems_of(plan, product)
        if problems:
            raise PortError(f"El plan no es válido: {'; '.join(problems)}", cause=self.cause)
        document = plan.model_dump(mode="json")
        order.plan_version += 1
        order.plan, order.plan_hash = document, plan.digest()
        order.plan_estado = PlanStatus.PENDIENTE_APROBACION
        order.planificado_at = order.planificado_at or now
        order.asignado_a = APPROVER
        session.add(
            OrderPlan(
                order_id=order.id,
                version=order.plan_version,
                plan=document,
                hash=order.plan_hash,
                planner=outcome.planner,
                model=outcome.model,
                prompt_version=outcome.prompt_version,
                flags=[
                    flag.document() for flag in flags_of(plan, product, fallback=outcome.fallback)
                ],
                estado=PlanStatus.PENDIENTE_APROBACION,
                created_at=now,
            )
        )
        await append_event(
            session,
            order,
            NewEvent(
                kind=EventKind.PLAN_GENERADO,
                agent=_PLANNER.name,
                message="Plan de construcción generado exitosamente",
                level=LogLevel.SUCCESS,
                metadata={
                    "plan_version": order.plan_version,
                    "plan_hash": order.plan_hash,
                    "planificador": outcome.planner,
                    "estimacion_horas": plan.estimacion_horas,
                },
            ),
            actor=_PLANNER,
            now=now,
        )
        await self._notify(session, order, plan, now)
        await wake(session, order, now)

    async def _notify(self, session: AsyncSession, order: Order, plan: Plan, now: datetime) -> None:
        milestones = "\n".join(
            f"- {item.nombre}: {item.estimacion_horas:g} h ({item.agente})"
            for item in plan.milestones
        )
        notes = "".join(f"\nNota: {note}" for note in plan.observaciones)
        await post_message(
            session,
            order,
            topic=f"plan_v{order.plan_version}",
            kind=NotificationKind.PLAN_PENDIENTE,
            recipient=self._policy.approver_email,
            subject=f"{order.order_number}: el plan v{order.plan_version} espera tu aprobación",
            body=(
                f"{order.nombre_producto} ({order.tipo_producto})\n\n"
                f"Stack: {', '.join(plan.stack_tecnologico)}\n"
                f"Integraciones: {', '.join(plan.integraciones) or 'ninguna'}\n"
                f"Horas estimadas: {plan.estimacion_horas:g}\n{milestones}\n{notes}\n\n"
                f"Para verlo y decidir:\n  axon orders show {order.order_number}\n"
                f"  axon orders approve {order.order_number}\n"
                f"  {self._policy.public_url}/api/orders/{order.order_number}\n"
            ),
            now=now,
        )


class AutoApprove:
    """Approve a waiting plan where a setting says so for this type of product."""

    async def apply(self, session: AsyncSession, order: Order, now: datetime) -> None:
        """Record the policy's approval."""
        await approve_plan(
            session, order, actor=line_actor("Política auto_aprobar"), now=now, note="auto_aprobar"
        )


async def _last_rejection(session: AsyncSession, order: Order) -> OrderPlan | None:
    return await session.scalar(
        select(OrderPlan).where(
            col(OrderPlan.order_id) == order.id,
            col(OrderPlan.version) == order.plan_version,
            col(OrderPlan.estado) == PlanStatus.RECHAZADO,
        )
    )
