"""Versions of a plan over the API: who reads what, what is refused and why, what changed."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.domain.states import OrderState
from tests.support.copies import copy_order, order_in
from tests.support.plans import edited_plan
from tests.support.workshop import OWNER_ID, Workshop

Json = dict[str, Any]
BASE, QA = edited_plan()["milestones"]


@pytest.fixture(scope="module")
async def waiting(workshop: Workshop) -> UUID:
    """An order whose plan waits; tests work on copies of it."""
    return await order_in(workshop, OrderState.PLANIFICACION)


async def read(workshop: Workshop, order_id: UUID) -> Json:
    order = await workshop.order(order_id)
    return {"plan_version": order.plan_version, "plan_hash": order.plan_hash}


async def post(workshop: Workshop, order_id: UUID, act: str, body: Json) -> httpx2.Response:
    return await workshop.http.post(
        f"/api/orders/{order_id}/{act}", json=body, headers=workshop.headers["admin"]
    )


async def get(workshop: Workshop, path: str, by: str = "admin", *, status: int = 200) -> Json:
    answer = await workshop.http.get(f"/api/orders/{path}", headers=workshop.headers[by])
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_an_edited_plan_is_a_version_of_its_own_and_is_built(
    workshop: Workshop, waiting: UUID
) -> None:
    order_id = await copy_order(workshop, waiting)
    body = await read(workshop, order_id) | {"plan": edited_plan(), "motivo": "Con menos memoria"}
    answer = await post(workshop, order_id, "plans/edit", body)
    assert answer.status_code == 200, answer.text
    decided = answer.json()
    order = await workshop.order(order_id)
    assert (order.estado, order.plan_version) == ("construccion", 2)
    assert (decided["plan_version"], decided["plan_hash"]) == (2, order.plan_hash)
    assert order.plan is not None
    assert order.plan["recursos_requeridos"]["ram_gb"] == 2

    first, second = (await get(workshop, f"{order_id}/plans"))["planes"]
    assert (first["estado"], first["motivo"], first["autor"]) == (
        "reemplazado",
        "Con menos memoria",
        None,
    )
    assert (second["estado"], second["planificador"], second["version_base"]) == (
        "aprobado",
        "persona",
        1,
    )
    assert second["autor"] == second["decidido_por"] == first["decidido_por"] == "admin"
    assert await get(workshop, f"{order_id}/plans/2") == second
    change = {
        "campo": "recursos_requeridos.ram_gb",
        "cambio": "cambiado",
        "antes": 4,
        "despues": 2,
    }
    diff = await get(workshop, f"{order_id}/plans/2/diff")
    assert (diff["contra"], diff["iguales"], diff["cambios"]) == (1, False, [change])
    back = await get(workshop, f"{order_id}/plans/1/diff?contra=2")
    assert back["cambios"] == [change | {"antes": 2, "despues": 4}]
    same = await get(workshop, f"{order_id}/plans/2/diff?contra=2")
    assert (same["iguales"], same["cambios"]) == (True, [])


async def test_the_catalogue_is_what_a_first_version_is_compared_with(
    workshop: Workshop, waiting: UUID
) -> None:
    implied = await get(workshop, f"{waiting}/plans/1/diff")
    assert implied == await get(workshop, f"{waiting}/plans/1/diff?contra=catalogo")
    fields = {(item["campo"], item["cambio"]) for item in implied["cambios"]}
    assert implied["contra"] == "catalogo"
    assert {("integraciones", "agregado"), ("milestones.scaffolding", "quitado")} <= fields


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("plans/9", 404),
        ("plans/9/diff", 404),
        ("plans/1/diff?contra=9", 404),
        ("plans/0", 400),
        ("plans/x", 400),
        ("plans/asked", 400),
        ("plans/ask/diff", 400),
        ("plans/1/diff?contra=x", 400),
        ("plans/1/diff?contra=0", 400),
    ],
)
async def test_a_version_that_is_not_there(
    workshop: Workshop, waiting: UUID, path: str, status: int
) -> None:
    answer = await get(workshop, f"{waiting}/{path}", status=status)
    assert answer["codigo"] == ("plan_no_encontrado" if status == 404 else "validacion")


@pytest.mark.parametrize("act", ["ask", "edit"])
async def test_an_act_is_no_version(workshop: Workshop, waiting: UUID, act: str) -> None:
    path = f"/api/orders/{waiting}/plans/{act}"

    answers = [
        await workshop.http.request("GET", path, headers=workshop.headers["admin"], **body)
        for body in ({}, {"json": {"plan_version": 1}})
    ]

    assert [answer.status_code for answer in answers] == [405, 405]
    assert answers[0].headers["Allow"] == "OPTIONS, POST"


OUTSIDE = {
    "version",
    "hash",
    "plan",
    "planificador",
    "autor",
    "version_base",
    "estado",
    "created_at",
    "decidido_at",
    "decidido_por",
}
INSIDE = {
    "motivo",
    "avisos",
    "modelo",
    "version_prompt",
    "recordatorios",
    "recordado_at",
    "escalado_at",
}


async def test_clients_and_agents_read_no_flags_costs_or_names(
    workshop: Workshop, waiting: UUID
) -> None:
    order_id = await copy_order(workshop, waiting)
    body = await read(workshop, order_id)
    question = {**body, "para": "cliente", "pregunta": "¿Cuántos mensajes al mes?"}
    assert (await post(workshop, order_id, "plans/ask", question)).status_code == 200
    assert (
        await post(workshop, order_id, "reject", body | {"motivo": "Demasiado"})
    ).status_code == 200
    staff = await get(workshop, f"{order_id}/plans", "operator")
    assert set(staff["planes"][0]) == OUTSIDE | INSIDE
    assert staff["planes"][0]["motivo"] == "Demasiado"
    flags = [flag["codigo"] for flag in staff["planes"][0]["avisos"]]
    assert flags == ["hitos_distintos", "integraciones_distintas"]
    assert staff["uso"]["llamadas"] == 0
    assert [(item["para"], item["respuesta"]) for item in staff["preguntas"]] == [("cliente", None)]
    agent = await workshop.http.get(
        f"/api/orders/{order_id}/plans", headers=await workshop.attempt_token(order_id)
    )
    for document in (await get(workshop, f"{order_id}/plans", "owner"), agent.json()):
        assert set(document) == set(staff) - {"preguntas", "uso"}
        assert set(document["planes"][0]) == OUTSIDE
        assert document["planes"][0]["decidido_por"] == "Equipo Axon"
    logs = await get(workshop, f"{order_id}/logs", "owner")
    asked = [entry for entry in logs["logs"] if "¿Cuántos mensajes" in entry["mensaje"]]
    assert [entry["agente"] for entry in asked] == ["Equipo Axon"]
    assert OWNER_ID not in str(document)


WRONG: list[tuple[Json, str]] = [
    ({"templates": ["../../etc"]}, "plan.templates.0"),
    ({"templates": ["otra"]}, "plan.templates.0"),
    ({"integraciones": ["Fax"]}, "plan.integraciones.0"),
    ({"integraciones": ["a\x00b"]}, "plan.integraciones.0"),
    ({"milestones": [BASE | {"agente": "Nadie Agent"}, QA]}, "plan.milestones.0.agente"),
    ({"milestones": [BASE, BASE]}, "plan.milestones.1.id"),
    ({"milestones": [BASE | {"estimacion_horas": -1}, QA]}, "plan.milestones.0.estimacion_horas"),
    ({"milestones": [BASE | {"estimacion_horas": "18"}, QA]}, "plan.milestones.0.estimacion_horas"),
    ({"estimacion_horas": 1e9}, "plan.estimacion_horas"),
    ({"estimacion_horas": 30}, "plan.estimacion_horas"),
    ({"milestones": []}, "plan.milestones"),
    ({"inventado": 1}, "plan.inventado"),
    ({"recursos_requeridos": {"cpu_cores": 2, "ram_gb": 4, "storage_gb": 20}}, "plan"),
]


@pytest.mark.parametrize(("change", "field"), WRONG, ids=lambda item: str(item)[:40])
async def test_a_plan_that_cannot_be_taken_names_the_field(
    workshop: Workshop, waiting: UUID, change: Json, field: str
) -> None:
    """The last one is the plan that waits, with nothing changed."""
    body = await read(workshop, waiting) | {"plan": edited_plan(**change)}
    answer = await post(workshop, waiting, "plans/edit", body)
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["details"]
    assert (await workshop.order(waiting)).plan_version == 1


@pytest.mark.parametrize("act", ["approve", "reject", "plans/edit", "plans/ask"])
async def test_a_decision_about_an_outdated_plan_shows_what_changed(
    workshop: Workshop, waiting: UUID, act: str
) -> None:
    order_id = await copy_order(workshop, waiting)
    old = await read(workshop, order_id)
    edit = old | {"plan": edited_plan(), "aprobar": False}
    assert (await post(workshop, order_id, "plans/edit", edit)).status_code == 200
    order = await workshop.order(order_id)
    assert (order.estado, order.plan_estado) == ("planificacion", "pendiente_aprobacion")
    more: dict[str, Json] = {
        "reject": {"motivo": "No"},
        "plans/edit": {"plan": edited_plan(observaciones=["otro"])},
        "plans/ask": {"para": "planificador", "pregunta": "¿Por qué?"},
    }
    for body, known in ((old, True), (old | {"plan_hash": "0" * 64}, False)):
        answer = await post(workshop, order_id, act, body | more.get(act, {}))
        assert (answer.status_code, answer.json()["codigo"]) == (409, "plan_desactualizado")
        told = answer.json()
        assert (told["plan_version"], told["plan_hash"]) == (2, order.plan_hash)
        changed = [item["campo"] for item in told["cambios"]] if known else told["cambios"]
        assert changed == (["recursos_requeridos.ram_gb"] if known else None)
    assert (await post(workshop, order_id, "approve", await read(workshop, order_id))).is_success


async def test_what_models_used_is_summed_for_staff(workshop: Workshop, waiting: UUID) -> None:
    order_id = await copy_order(workshop, waiting)
    call = text(
        "INSERT INTO model_calls (order_id, intento, purpose, provider, model, input_tokens, "
        "output_tokens, cost_usd, latency_ms, outcome, started_at) "
        "VALUES (:id, 1, 'plan', 'openai', :model, 100, 20, :cost, 500, :outcome, now())"
    )
    async with workshop.container.database.transaction("test") as session:
        for model, cost, outcome in [
            ("a", "0.25", "ok"),
            ("a", "0.5", "salida_invalida"),
            ("b", None, "ok"),
        ]:
            values = {"id": order_id, "model": model, "cost": cost, "outcome": outcome}
            await session.execute(call, values)
    usage = (await get(workshop, f"{order_id}/plans"))["uso"]
    assert (usage["llamadas"], usage["costo_usd"], usage["llamadas_sin_precio"]) == (
        3,
        "0.750000",
        1,
    )
    models = [(item["modelo"], item["costo_usd"], item["fallidas"]) for item in usage["modelos"]]
    assert models == [("a", "0.750000", 1), ("b", None, 0)]

    low = await post(workshop, order_id, "budget", {"presupuesto_usd": "0.75"})
    assert (low.status_code, list(low.json()["details"])) == (400, ["presupuesto_usd"])
    enough = await post(workshop, order_id, "budget", {"presupuesto_usd": "0.76"})
    assert (enough.status_code, enough.json()["presupuesto_usd"]) == (200, "0.76")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"presupuesto_usd": "5", "planificador": "catalogo"},
        {"presupuesto_usd": "0"},
        {"presupuesto_usd": "0.0000"},
        {"presupuesto_usd": "-1"},
        {"presupuesto_usd": "1e3"},
        {"presupuesto_usd": 5},
        {"planificador": "llm"},
    ],
)
async def test_a_budget_that_is_none(workshop: Workshop, waiting: UUID, body: Json) -> None:
    answer = await post(workshop, waiting, "budget", body)
    assert answer.status_code == 400, answer.text
