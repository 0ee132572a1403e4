"""Answer what an approver asks of the planner while a plan waits."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.events import EventKind, NewEvent, Visibility
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.plan import Plan
from axon_factory.factory.plan_request import plan_request
from axon_factory.factory.step import line_actor
from axon_factory.orders.budget import ask_for_budget, record_uses
from axon_factory.orders.events import append_event
from axon_factory.orders.plans.notices import tell_answer
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import wake
from axon_factory.ports.errors import PortError
from axon_factory.ports.planner import Planner, PlannerAnswer, PlanQuestion

__all__ = ["AnswerQuestion"]

_PLANNER = line_actor("Planner Agent")
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
