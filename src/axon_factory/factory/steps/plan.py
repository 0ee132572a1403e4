"""Plan: claim the order, have a plan made and questions answered, tell the approver (§5.2)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderPlan, OrderQuestion
from axon_factory.domain.catalogue import ProductType
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import flags_of, problems_of
from axon_factory.domain.states import OrderState, PlanStatus, PlanVersionStatus
from axon_factory.factory.step import line_actor
from axon_factory.orders.budget import ask_for_budget, models_allowed, record_uses, remaining_budget
from axon_factory.orders.events import append_event
from axon_factory.orders.plans.decisions import (
    APPROVER,
    answered_by_client,
    approve_plan,
    close_planner_questions,
)
from axon_factory.orders.plans.notices import tell_answer, tell_waiting_plan
from axon_factory.orders.plans.versions import NewVersion, add_version, find_plan
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import transition, wake
from axon_factory.ports.errors import PortError
from axon_factory.ports.planner import (
    Planner,
    PlannerAnswer,
    PlanningOutcome,
    PlanQuestion,
    PlanRequest,
)

__all__ = ["AnswerQuestion", "AutoApprove", "Claim", "MakePlan", "give_up_question", "plan_request"]


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


_LONGEST_ANSWER = 8000


@dataclass(frozen=True, slots=True)
class _Asked:
    number: int
    question: PlanQuestion


class AnswerQuestion:
    """Have the planner answer one question; nothing else follows from the answer."""

    cause = FailureCause.PLANIFICACION_FALLIDA

    def __init__(self, planner: Planner, policy: Policy) -> None:
        """`policy` says whom to tell and what an answer may cost."""
        self._planner = planner
        self._policy = policy

    async def prepare(self, session: AsyncSession, order: Order, step: DueStep) -> _Asked:
        """Collect the question, the plan that it is about, and what the planner may know."""
        asked = await session.get_one(OrderQuestion, (order.id, int(step.subject)))
        request = await plan_request(session, order, self._policy, datetime.now(UTC))
        plan = Plan.model_validate(order.plan)
        return _Asked(asked.number, PlanQuestion(request, plan, asked.question))

    async def call(self, work: _Asked, *, idempotency_key: str) -> PlannerAnswer:
        """Ask the planner.

        Raises:
            PortError: it answered nothing.
        """
        outcome = await self._planner.answer(work.question, idempotency_key=idempotency_key)
        if not outcome.budget_spent and not outcome.text.strip():
            raise PortError("El planificador no dijo nada", cause=self.cause)
        return outcome

    async def record(
        self,
        session: AsyncSession,
        order: Order,
        work: _Asked,
        outcome: PlannerAnswer,
        now: datetime,
    ) -> None:
        """Keep the answer and tell the approver; without budget a person is asked for it."""
        await record_uses(session, order, outcome.uses, "respuesta")
        if outcome.budget_spent:
            await ask_for_budget(session, order, actor=_PLANNER, policy=self._policy, now=now)
            await wake(session, order, now)
            return
        asked = await session.get_one(OrderQuestion, (order.id, work.number))
        answer = outcome.text.replace("\x00", "").strip()[:_LONGEST_ANSWER]
        asked.answer, asked.answered_at = answer, now
        asked.answered_by, asked.answered_by_name = _PLANNER.id, _PLANNER.name
        asked.delivered_at = now
        await append_event(
            session,
            order,
            NewEvent(
                kind=EventKind.RESPUESTA,
                agent=_PLANNER.name,
                message=f"Respuesta a la pregunta {asked.number}: {answer}",
                metadata={"pregunta": asked.number, "planificador": outcome.planner},
                visibility=Visibility.INTERNO,
            ),
            actor=_PLANNER,
            now=now,
        )
        await tell_answer(session, order, asked, answer, policy=self._policy, now=now)
        await wake(session, order, now)


async def give_up_question(
    session: AsyncSession,
    order: Order,
    step: DueStep,
    reason: str,
    *,
    policy: Policy,
    now: datetime,
) -> None:
    """Close the question that `step` is about without an answer, and tell the approver why."""
    asked = await session.get_one(OrderQuestion, (order.id, int(step.subject)))
    asked.closed_at = asked.delivered_at = now
    told = f"El planificador no pudo responder: {reason}"
    await append_event(
        session,
        order,
        NewEvent(
            kind=EventKind.RESPUESTA,
            agent=_PLANNER.name,
            message=f"Pregunta {asked.number}: {told}",
            level=LogLevel.WARNING,
            metadata={"pregunta": asked.number},
            visibility=Visibility.INTERNO,
        ),
        actor=_PLANNER,
        now=now,
    )
    await tell_answer(session, order, asked, told, policy=policy, now=now)
    await wake(session, order, now)
