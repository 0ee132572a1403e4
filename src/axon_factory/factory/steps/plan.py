"""Plan: claim the order, have a plan made, tell the approver (design §5.2, resolutions 22, 23)."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.catalogue import ProductType
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.plan_review import flags_of, problems_of
from axon_factory.domain.states import OrderState, PlanStatus
from axon_factory.factory.plan_request import plan_request
from axon_factory.factory.step import line_actor
from axon_factory.orders.approval import APPROVER, approve_plan
from axon_factory.orders.budget import ask_for_budget, record_uses
from axon_factory.orders.events import append_event
from axon_factory.orders.plans.notices import tell_waiting_plan
from axon_factory.orders.plans.questions import close_planner_questions
from axon_factory.orders.plans.versions import NewVersion, add_version
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
        return await plan_request(session, order, self._policy, datetime.now(UTC))

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
        order.planificado_at = order.planificado_at or now
        order.asignado_a = APPROVER
        await close_planner_questions(session, order, now)
        flags = flags_of(
            plan, product, order.datos_cliente["configuracion"], fallback=outcome.fallback
        )
        new = NewVersion(
            plan,
            outcome.planner,
            flags,
            model=outcome.model,
            prompt_version=outcome.prompt_version,
        )
        version = await add_version(session, order, new, now)
        await append_event(
            session,
            order,
            NewEvent(
                kind=EventKind.PLAN_GENERADO,
                agent=_PLANNER.name,
                message="Plan de construcción generado exitosamente",
                level=LogLevel.SUCCESS,
                metadata={
                    "plan_version": version.version,
                    "plan_hash": version.hash,
                    "planificador": outcome.planner,
                    "estimacion_horas": plan.estimacion_horas,
                },
            ),
            actor=_PLANNER,
            now=now,
        )
        await tell_waiting_plan(session, order, plan, flags, policy=self._policy, now=now)
        await wake(session, order, now)


class AutoApprove:
    """Approve a waiting plan where the settings say so for its type, price and flags."""

    def __init__(self, policy: Policy) -> None:
        """`policy` has said that nobody needs to be asked."""
        self._policy = policy

    async def apply(self, session: AsyncSession, order: Order, now: datetime) -> None:
        """Record the policy's approval."""
        await approve_plan(
            session,
            order,
            actor=line_actor("Política auto_aprobar"),
            policy=self._policy,
            now=now,
            note="auto_aprobar",
        )
