"""Plan: claim the order, have a plan made and questions answered, tell the approver (§5.2)."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderPlan, OrderQuestion
from axon_factory.domain.catalogue import ProductType
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.names import APPROVER_NAME, PLANNER, SUPER_AXON, line_actor
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import flags_of, problems_of
from axon_factory.domain.states import OrderState, PlanStatus, PlanVersionStatus
from axon_factory.orders.budget import ask_for_budget, models_allowed, record_uses, remaining_budget
from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import (
    answered_by_client,
    approve_plan,
    close_planner_questions,
)
from axon_factory.orders.plans.notices import tell_answer, tell_waiting_plan
from axon_factory.orders.plans.versions import NewVersion, add_version, find_plan
from axon_factory.ports.errors import PortError
from axon_factory.ports.planner import (
    Planner,
    PlannerAnswer,
    PlanningOutcome,
    PlanQuestion,
    PlanRequest,
)

__all__ = ["AnswerQuestion", "AutoApprove", "Claim", "MakePlan", "give_up_question", "plan_request"]


_LONGEST_ANSWER = 8000


async def plan_request(change: Change) -> PlanRequest:
    """Collect what the planner may know of the order, and what it may cost."""
    tx, order = change.tx, change.order
    rejected = await _last_rejection(tx, order)
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
        answers=await answered_by_client(tx, order),
        budget=await remaining_budget(tx, order, change.policy, change.now),
        models_allowed=models_allowed(order),
    )


async def _last_rejection(tx: AsyncSession, order: Order) -> OrderPlan | None:
    newest = await find_plan(tx, order, order.plan_version)
    rejected = newest is not None and newest.estado == PlanVersionStatus.RECHAZADO
    return newest if rejected else None


class Claim:
    """Take a new order: from here on it is this line's to plan."""

    async def apply(self, change: Change) -> None:
        """Move the order to `planificacion`, a plan being made."""
        order = change.order
        order.plan_estado = PlanStatus.GENERANDO
        order.asignado_a = SUPER_AXON.name
        await change.by(SUPER_AXON).move(
            OrderState.PLANIFICACION, "Orden recibida, iniciando planificación"
        )


class MakePlan:
    """Have the planner make a plan; it then waits for approval."""

    cause = FailureCause.PLANIFICACION_FALLIDA

    def __init__(self, planner: Planner) -> None:
        """`planner` makes it."""
        self._planner = planner

    async def prepare(self, change: Change, _step: DueStep) -> PlanRequest:
        """Collect what the planner may know of the order."""
        change.order.plan_estado = PlanStatus.GENERANDO
        return await plan_request(change)

    async def call(self, work: PlanRequest, *, idempotency_key: str) -> PlanningOutcome:
        """Ask the planner."""
        return await self._planner.make_plan(work, idempotency_key=idempotency_key)

    async def record(self, change: Change, _work: PlanRequest, outcome: PlanningOutcome) -> None:
        """Store the plan as the order's next version and notify the approver.

        Raises:
            PortError: the plan is not made of parts of the catalogue.
        """
        order = change.order
        await record_uses(change.tx, order, outcome.uses, "plan")
        if outcome.plan is None:
            await ask_for_budget(change.by(SUPER_AXON))
            await change.wake()
            return
        plan, product = outcome.plan, ProductType.from_snapshot(order.catalogo)
        problems = problems_of(plan, product)
        if problems:
            raise PortError(f"El plan no es válido: {'; '.join(problems)}", cause=self.cause)
        order.planificado_at = order.planificado_at or change.now
        order.asignado_a = APPROVER_NAME
        await close_planner_questions(change)
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
        version = await add_version(change, new)
        await change.by(PLANNER).tell(
            EventKind.PLAN_GENERADO,
            "Plan de construcción generado exitosamente",
            level=LogLevel.SUCCESS,
            plan_version=version.version,
            plan_hash=version.hash,
            planificador=outcome.planner,
            estimacion_horas=plan.estimacion_horas,
        )
        await tell_waiting_plan(change, plan, flags)
        await change.wake()


class AutoApprove:
    """Approve a waiting plan where the settings say so for its type, price and flags."""

    async def apply(self, change: Change) -> None:
        """Record the policy's approval."""
        await approve_plan(change.by(line_actor("Política auto_aprobar")), note="auto_aprobar")


@dataclass(frozen=True, slots=True)
class _Asked:
    number: int
    question: PlanQuestion


class AnswerQuestion:
    """Have the planner answer one question; nothing else follows from the answer."""

    cause = FailureCause.PLANIFICACION_FALLIDA

    def __init__(self, planner: Planner) -> None:
        """`planner` answers."""
        self._planner = planner

    async def prepare(self, change: Change, step: DueStep) -> _Asked:
        """Collect the question, the plan that it is about, and what the planner may know."""
        order = change.order
        asked = await change.tx.get_one(OrderQuestion, (order.id, int(step.subject)))
        request = await plan_request(change)
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

    async def record(self, change: Change, work: _Asked, outcome: PlannerAnswer) -> None:
        """Keep the answer and tell the approver; without budget a person is asked for it."""
        order = change.order
        await record_uses(change.tx, order, outcome.uses, "respuesta")
        if outcome.budget_spent:
            await ask_for_budget(change.by(PLANNER))
            await change.wake()
            return
        asked = await change.tx.get_one(OrderQuestion, (order.id, work.number))
        answer = outcome.text.replace("\x00", "").strip()[:_LONGEST_ANSWER]
        asked.answer, asked.answered_at = answer, change.now
        asked.answered_by, asked.answered_by_name = PLANNER.id, PLANNER.name
        asked.delivered_at = change.now
        await change.by(PLANNER).tell_staff(
            EventKind.RESPUESTA,
            f"Respuesta a la pregunta {asked.number}: {answer}",
            pregunta=asked.number,
            planificador=outcome.planner,
        )
        await tell_answer(change, asked, answer)
        await change.wake()


async def give_up_question(change: Change, step: DueStep, reason: str) -> None:
    """Close the question that `step` is about without an answer, and tell the approver why."""
    asked = await change.tx.get_one(OrderQuestion, (change.order.id, int(step.subject)))
    asked.closed_at = asked.delivered_at = change.now
    told = f"El planificador no pudo responder: {reason}"
    await change.by(PLANNER).tell_staff(
        EventKind.RESPUESTA,
        f"Pregunta {asked.number}: {told}",
        level=LogLevel.WARNING,
        pregunta=asked.number,
    )
    await tell_answer(change, asked, told)
    await change.wake()
