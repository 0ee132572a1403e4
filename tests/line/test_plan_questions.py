"""Questions about a plan that waits, and budgets: whoever asks is answered or told why not."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from ledger import Fault
from rig import ADMIN, POLICY, Act, Rig, approve

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.catalogue.product_types import default_plan
from axon_factory.domain.errors import TransitionRefused
from axon_factory.orders.budget import decide_budget
from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import PlanEdit, ask_about_plan, edit_plan, reject_plan
from axon_factory.orders.policy import BudgetRules
from axon_factory.orders.questions.asking import Audience
from axon_factory.ports.planner import (
    ModelUse,
    PlannerAnswer,
    PlanningOutcome,
    PlanQuestion,
    PlanRequest,
)
from axon_factory.worker.maintenance import sweep
from axon_factory.worker.reminders import tell_answers

PRODUCT = PRODUCT_TYPES["webhook_service"]


def ask(rig: Rig, of: Audience = Audience.PLANIFICADOR, question: str = "¿Por qué?") -> Act:
    async def change(session: Any, order: Any, now: datetime) -> None:  # noqa: ANN401 — rows
        await ask_about_plan(
            Change(session, order, ADMIN.actor, rig.policy, now), question, of, plan=None
        )

    return change


def reject(session: Any, order: Any, now: datetime) -> Any:  # noqa: ANN401 — rows
    return reject_plan(Change(session, order, ADMIN.actor, POLICY, now), reason="Otra vez")


async def questions(rig: Rig) -> list[Any]:
    return await rig.rows(
        "SELECT answer, answered_by_name, closed_at IS NOT NULL AS closed, "
        "delivered_at IS NOT NULL AS delivered FROM order_questions ORDER BY order_id, number"
    )


async def mails(rig: Rig, like: str) -> list[Any]:
    query = "SELECT recipient, subject, body FROM outbox_messages WHERE subject LIKE :like"
    return await rig.rows(query, like=like)


async def waiting(rig: Rig) -> UUID:
    return await rig.reach("planificacion")


async def planned(rig: Rig) -> UUID:
    """Return an order whose plan this rig's own planner has made."""
    order_id = await rig.place()
    await rig.drive(order_id)
    return order_id


async def test_the_planner_answers_while_the_plan_waits(rig: Rig) -> None:
    order_id = await waiting(rig)
    await rig.change(order_id, ask(rig, question="¿Por qué tantas horas?"))
    await rig.change(order_id, ask(rig, question="¿Y el stack?"))

    steps = [step.key for step in await rig.drive(order_id)]

    assert steps == ["responder:1", "responder:2"]
    asked = rig.ledger.effects("planner.answer")
    assert [entry.details["question"] for entry in asked] == [
        "¿Por qué tantas horas?",
        "¿Y el stack?",
    ]
    kept = await questions(rig)
    assert all("Este plan viene del catálogo" in row.answer and row.delivered for row in kept)
    order = await rig.order(order_id)
    assert (order.estado, order.plan_estado) == ("planificacion", "pendiente_aprobacion")
    (mail,) = await mails(rig, "%respuesta a la pregunta 1")
    assert mail.recipient == rig.policy.approver_email
    assert "¿Por qué tantas horas?" in mail.body


@pytest.mark.parametrize("fault", ["permanent", "raise"])
async def test_a_planner_that_cannot_answer_fails_the_question_and_not_the_order(
    rig: Rig, fault: str
) -> None:
    order_id = await waiting(rig)
    rig.ledger.script(Fault("planner.answer", fault, times=None))
    await rig.change(order_id, ask(rig))

    await rig.drive(order_id)

    order = await rig.order(order_id)
    assert (order.estado, order.plan_estado) == ("planificacion", "pendiente_aprobacion")
    assert [(row.answer, row.closed) for row in await questions(rig)] == [(None, True)]
    assert len(await mails(rig, "%respuesta a la pregunta 1")) == 1
    await rig.change(order_id, approve)
    assert (await rig.line().advance(order_id)) is not None  # it is built


@pytest.mark.parametrize("decide", [approve, reject], ids=["approve", "reject"])
async def test_a_decision_ends_the_waiting_for_an_answer(rig: Rig, decide: Act) -> None:
    order_id = await waiting(rig)
    await rig.change(order_id, ask(rig))
    await rig.change(order_id, decide)

    steps = [step.key for step in await rig.drive(order_id)]

    assert "responder:1" not in steps
    assert [(row.answer, row.closed) for row in await questions(rig)] == [(None, True)]


async def test_the_sweep_finds_a_question_whose_job_was_lost(rig: Rig) -> None:
    order_id = await waiting(rig)
    await rig.change(order_id, ask(rig))
    await rig.execute("DELETE FROM procrastinate_jobs")
    await rig.execute("UPDATE outbox_messages SET sent_at = now()")
    assert await sweep(rig.database, rig.policy) == 1
    await rig.drive(order_id)
    await rig.execute("DELETE FROM procrastinate_jobs")
    await rig.execute("UPDATE outbox_messages SET sent_at = now()")
    assert await sweep(rig.database, rig.policy) == 0


async def test_what_the_client_answers_reaches_the_approver_once_and_the_next_plan(
    rig: Rig,
) -> None:
    seen = Scripted()
    rig = replace(rig, ports=replace(rig.ports, planner=seen))
    order_id = await planned(rig)
    await rig.change(order_id, ask(rig, Audience.CLIENTE, "¿Qué país?"))
    assert await rig.drive(order_id) == []  # nobody but the client has anything to do
    (mail,) = await mails(rig, "%necesitamos una respuesta")
    assert (mail.recipient, "¿Qué país?" in mail.body) == ("xyz@example.com", True)
    now = datetime.now(UTC)
    assert await tell_answers(rig.database, rig.policy, now) == 0
    await rig.execute(
        "UPDATE order_questions SET answer = 'México', answered_by = 'user:cliente', "
        "answered_by_name = 'Cliente', answered_at = now()"
    )

    told = [await tell_answers(rig.database, rig.policy, now) for _ in range(2)]

    assert told == [1, 0]
    (mail,) = await mails(rig, "%respuesta a la pregunta 1")
    assert "México" in mail.body
    await rig.change(order_id, reject)
    await rig.drive(order_id)
    assert [request.answers for request in seen.requests] == [(), (("¿Qué país?", "México"),)]


@dataclass
class Scripted:
    """A planner whose model costs a dollar a call, and stops where the budget does."""

    name: str = "scripted"
    requests: list[PlanRequest] = field(default_factory=list[PlanRequest])

    def _use(self) -> ModelUse:
        return ModelUse("p", "m", "1", 10, 5, Decimal(1), 7, "ok", datetime.now(UTC))

    async def make_plan(self, request: PlanRequest, *, idempotency_key: str) -> PlanningOutcome:
        del idempotency_key
        self.requests.append(request)
        if request.models_allowed and request.budget.is_spent:
            return PlanningOutcome(None, self.name, budget_spent=True)
        uses = (self._use(),) if request.models_allowed else ()
        return PlanningOutcome(default_plan(PRODUCT, request.configuration), self.name, uses)

    async def answer(self, question: PlanQuestion, *, idempotency_key: str) -> PlannerAnswer:
        del idempotency_key
        self.requests.append(question.request)
        if not question.request.models_allowed:
            return PlannerAnswer("Lo dice el catálogo", self.name)
        if question.request.budget.is_spent:
            return PlannerAnswer("", self.name, budget_spent=True)
        return PlannerAnswer("Porque sí", self.name, (self._use(),))


def decide(usd: str | None) -> Act:
    async def change(session: Any, order: Any, now: datetime) -> None:  # noqa: ANN401 — rows
        amount = None if usd is None else Decimal(usd)
        await decide_budget(Change(session, order, ADMIN.actor, POLICY, now), usd=amount)

    return change


def costly(rig: Rig, **budgets: Any) -> tuple[Rig, Scripted]:  # noqa: ANN401 — fields of BudgetRules
    planner = Scripted()
    rig = replace(rig, ports=replace(rig.ports, planner=planner))
    return rig.with_policy(budgets=BudgetRules(**budgets)), planner


@pytest.mark.parametrize("limit", ["order_usd", "day_usd"])
@pytest.mark.parametrize(("usd", "calls"), [("5", 1), (None, 0)])
async def test_a_decided_budget_resumes_the_order(
    rig: Rig, limit: str, usd: str | None, calls: int
) -> None:
    rig, planner = costly(rig, **{limit: Decimal(0)})
    order_id = await rig.place()
    await rig.drive(order_id)
    assert (await rig.order(order_id)).espera == "presupuesto"
    await rig.execute("DELETE FROM procrastinate_jobs")
    await rig.execute("UPDATE outbox_messages SET sent_at = now()")
    assert await sweep(rig.database, rig.policy) == 0  # it waits for a person

    await rig.change(order_id, decide(usd))
    await rig.drive(order_id)

    order = await rig.order(order_id)
    assert (order.espera, order.plan_estado) == (None, "pendiente_aprobacion")
    assert planner.requests[-1].models_allowed == (usd is not None)
    assert len(await rig.rows("SELECT 1 FROM model_calls WHERE purpose = 'plan'")) == calls
    kinds = [event.kind for event in await rig.events(order_id)]
    assert kinds.index("orden.presupuesto_agotado") < kinds.index("orden.presupuesto_decidido")


async def test_an_answer_without_budget_waits_for_it_and_the_plan_can_still_be_decided(
    rig: Rig,
) -> None:
    rig, _ = costly(rig, order_usd=Decimal(1))
    asking, deciding = [await planned(rig) for _ in range(2)]
    for order_id in (asking, deciding):
        await rig.change(order_id, ask(rig))
        await rig.drive(order_id)
        assert (await rig.order(order_id)).espera == "presupuesto"

    await rig.change(asking, decide("2"))
    await rig.drive(asking)
    await rig.change(deciding, approve)
    assert (await rig.line().advance(deciding)) is not None  # it is built

    order = await rig.order(asking)
    assert (order.espera, order.plan_estado) == (None, "pendiente_aprobacion")
    answers = await rig.rows(
        "SELECT order_id, answer FROM order_questions WHERE answer IS NOT NULL"
    )
    assert [tuple(row) for row in answers] == [(asking, "Porque sí")]
    used = await rig.rows("SELECT order_id FROM model_calls WHERE purpose = 'respuesta'")
    assert [row.order_id for row in used] == [asking]
    assert (await rig.order(deciding)).session_open


async def test_no_budget_is_decided_for_an_order_that_has_ended(rig: Rig) -> None:
    order_id = await rig.reach("entregado")
    with pytest.raises(TransitionRefused):
        await rig.change(order_id, decide("5"))


async def test_an_edit_drops_the_answer_that_is_on_its_way(rig: Rig) -> None:
    order_id = await waiting(rig)
    rig.ledger.script(Fault("planner.answer", "slow", seconds=60))
    rig = replace(rig, line_options={"watch_seconds": 0.02})
    await rig.change(order_id, ask(rig))
    plan = default_plan(PRODUCT, {}, notes=("Mío",))

    async def edit(session: Any, order: Any, now: datetime) -> None:  # noqa: ANN401 — rows
        change = PlanEdit(plan, None, approve=False)
        await edit_plan(Change(session, order, ADMIN.actor, rig.policy, now), change)

    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.entries("start", "planner.answer"))
        await rig.change(order_id, edit)
        await rig.ledger.until(lambda ledger: ledger.entries("cancelled", "planner.answer"))
        await rig.until_quiet(seconds=10)

    order = await rig.order(order_id)
    assert (order.plan_version, order.plan_estado) == (2, "pendiente_aprobacion")
    assert [(row.answer, row.closed) for row in await questions(rig)] == [(None, True)]
