"""Orders whose models misbehave come to rest where a person sees why, through the real line."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from rig import ADMIN, POLICY, Act, Rig

from axon_factory.adapters.planner.llm import (
    Limits,
    LlmPlanner,
    ModelAddress,
    ModelRouter,
    Provider,
)
from axon_factory.adapters.planner.llm.reading import SENTENCES
from axon_factory.db.tables import Order
from axon_factory.domain.states import PlanStatus
from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import reject_plan
from axon_factory.orders.policy import BudgetRules
from axon_factory.orders.transitions import wake
from axon_factory.ports.crossing import crossing
from tests.support.model_behaviours import BEHAVIOURS, GOOD, good_plan
from tests.support.model_server import Behaviour, ModelServer, answering, serving

PLAYED = tuple(BEHAVIOURS)[::3]
"""Every third behaviour: the adapter's own tests play them all."""
LIMITS = Limits(timeout_seconds=2, pause_seconds=0, longest_pause_seconds=2)


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with serving() as models:
        yield models


def planned_by(rig: Rig, server: ModelServer, *behaviours: Behaviour, model: str = "modelo") -> Rig:
    """Return the rig with a planner whose only model behaves so."""
    server.play(model, *behaviours)
    address = ModelAddress(Provider.COMPATIBLE, model, None, server.url)
    planner = LlmPlanner(ModelRouter((address,), LIMITS))
    return replace(rig, ports=replace(rig.ports, planner=crossing("planner", planner)))


async def test_orders_end_in_a_plan_that_waits_for_a_person(rig: Rig, server: ModelServer) -> None:
    gate = asyncio.Semaphore(8)

    async def plan(name: str, order_id: UUID) -> None:
        async with gate:
            await planned_by(rig, server, BEHAVIOURS[name].behaviour, model=name).drive(order_id)

    orders = [await rig.place() for _ in PLAYED]  # at once they would wait for one number
    await asyncio.gather(*map(plan, PLAYED, orders))
    for name, order_id in zip(PLAYED, orders, strict=True):
        case, order = BEHAVIOURS[name], await rig.order(order_id)
        assert (order.estado, order.plan_estado) == ("planificacion", "pendiente_aprobacion"), name
        assert (order.fallo, order.espera, order.plan_version) == (None, None, 1), name
    rows = await rig.rows("SELECT order_id, planner, model, flags FROM order_plans")
    kept = {row.order_id: row for row in rows}
    calls = await rig.rows("SELECT order_id, outcome, purpose, error FROM model_calls ORDER BY id")
    for name, order_id in zip(PLAYED, orders, strict=True):
        case, plan_row = BEHAVIOURS[name], kept[order_id]
        assert (plan_row.planner, plan_row.model) == ("catalogue", None), name
        (flag,) = plan_row.flags
        assert flag["codigo"] == "planificador_de_reserva"
        assert SENTENCES[case.outcomes[0]] in flag["mensaje"], name
        recorded = [call for call in calls if call.order_id == order_id]
        assert [call.outcome for call in recorded] == [*case.outcomes], name
        assert all(call.purpose == "plan" and call.error for call in recorded)
    mails = {
        row.order_id: row.body
        for row in await rig.rows("SELECT order_id, body FROM outbox_messages")
    }
    for row in rows:
        (flag,) = row.flags
        assert f"Atención: {flag['mensaje']}\n" in mails[row.order_id]


async def test_a_plan_by_a_model_is_kept_with_its_model_and_prompt(
    rig: Rig, server: ModelServer
) -> None:
    plan = good_plan(observaciones=["El cliente pide un destino que el catálogo no tiene"])
    by_model = planned_by(rig, server, answering(plan))
    order_id = await by_model.place()
    await by_model.drive(order_id)
    (row,) = await rig.rows("SELECT planner, model, prompt_version, plan, flags FROM order_plans")
    assert (row.planner, row.model) == ("llm", "compatible:modelo")
    assert row.prompt_version == "plan.v1"
    assert row.plan["integraciones"] == ["Slack"]
    assert [flag["codigo"] for flag in row.flags] == [
        "partes_desconocidas",
        "integraciones_distintas",
    ]
    (call,) = await rig.rows("SELECT * FROM model_calls")
    assert (call.input_tokens, call.output_tokens, call.cost_usd) == (900, 300, None)


async def test_a_rejected_plan_is_made_anew_with_the_reason(rig: Rig, server: ModelServer) -> None:
    by_model = planned_by(rig, server, GOOD)
    order_id = await by_model.place()
    await by_model.drive(order_id)

    async def reject(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        await reject_plan(Change(session, order, ADMIN.actor, POLICY, now), reason="Sin Slack")

    await by_model.change(order_id, reject)
    await by_model.drive(order_id)
    assert "Sin Slack" in server.messages("modelo", 1)[1]["content"]
    assert (await by_model.order(order_id)).plan_version == 2


async def test_a_spent_budget_waits_for_a_person_who_raises_it(
    rig: Rig, server: ModelServer
) -> None:
    usage = {"prompt_tokens": 9000, "completion_tokens": 1000, "total_tokens": 10_000}
    poor = planned_by(rig, server, answering({"x": 1}, usage=usage), GOOD).with_policy(
        budgets=BudgetRules(order_tokens=9000)
    )
    order_id = await poor.place()
    await poor.drive(order_id)
    order = await poor.order(order_id)
    assert (order.estado, order.plan_estado, order.espera) == (
        "planificacion",
        PlanStatus.GENERANDO,
        "presupuesto",
    )
    assert order.fallo is None
    assert len(server.asked["modelo"]) == 1
    events = [event.kind for event in await poor.events(order_id)]
    assert events[-1] == "orden.presupuesto_agotado"
    mails = await poor.rows("SELECT subject FROM outbox_messages")
    assert any("presupuesto de modelos" in row.subject for row in mails)
    await poor.change(order_id, decide(Decimal(5)))
    await poor.drive(order_id)
    order = await poor.order(order_id)
    assert (order.plan_estado, order.plan_version) == ("pendiente_aprobacion", 1)
    assert [row.planner for row in await poor.rows("SELECT planner FROM order_plans")] == ["llm"]


async def test_a_person_may_let_the_catalogue_plan(rig: Rig, server: ModelServer) -> None:
    poor = planned_by(rig, server, GOOD).with_policy(budgets=BudgetRules(order_usd=Decimal(0)))
    order_id = await poor.place()
    await poor.drive(order_id)
    assert (await poor.order(order_id)).espera == "presupuesto"
    await poor.change(order_id, decide(Decimal(0)))
    await poor.drive(order_id)
    assert (await poor.order(order_id)).plan_estado == "pendiente_aprobacion"
    (row,) = await poor.rows("SELECT planner, flags FROM order_plans")
    assert row.planner == "catalogue"
    assert "una persona decidió" in row.flags[0]["mensaje"]
    assert not server.asked["modelo"]


def decide(amount: Decimal) -> Act:
    """What a person's decision about the budget does to the order."""

    async def change(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        order.budget_usd, order.espera = amount, None
        await wake(session, order, now)

    return change
