"""POST /api/orders?dry_run=true: everything that creating says, and nothing stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.states import OrderState
from axon_factory.ports.planner import PlanRequest
from tests.support.copies import copy_orders
from tests.support.workshop import Workshop, example_order

_ENDS = ("desde", "hasta")
TRIED = "/api/orders?dry_run=true"
_ROWS = """
    SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM order_events),
        (SELECT count(*) FROM order_stages), (SELECT count(*) FROM procrastinate_jobs),
        (SELECT count(*) FROM outbox_messages), (SELECT count(*) FROM idempotency_keys),
        (SELECT max(last) FROM order_number_counters)
"""


async def try_order(workshop: Workshop, by: str = "admin", **changes: Any) -> httpx2.Response:  # noqa: ANN401 — JSON
    return await workshop.http.post(
        TRIED, json=example_order(**changes), headers=workshop.headers[by]
    )


async def rows(workshop: Workshop) -> tuple[Any, ...]:
    async with workshop.container.database.reading() as session:
        return tuple((await session.execute(text(_ROWS))).one())


async def test_says_price_plan_place_and_promise(fresh_workshop: Workshop) -> None:
    await fresh_workshop.place(prioridad="urgente")
    before = await rows(fresh_workshop)
    answer = await try_order(fresh_workshop, tipo_producto="webhook_service")
    assert answer.status_code == 200
    document = answer.json()
    plan = document.pop("plan")
    assert plan["estimacion_horas"] == 16
    assert plan["milestones"][0]["id"] == "scaffolding"
    promised = [datetime.fromisoformat(document.pop(f"prometido_{end}")) for end in _ENDS]
    assert document == {
        "dry_run": True,
        "tipo_producto": "webhook_service",
        "nombre_producto": "Bot de pruebas",
        "prioridad": "normal",
        "precio": "1500.00",
        "moneda": "USD",
        "posicion_en_cola": 1,
        "estimacion": {
            "texto": "10-14 horas",
            "horas_minimo": 9.6,
            "horas_maximo": 14.4,
            "base": "catalogo",
            "ordenes_medidas": 0,
        },
        "promesas_cumplidas": None,
        "promesas_medidas": 0,
        "message": "La orden es válida; no se ha creado nada",
    }
    assert promised[1] - promised[0] == timedelta(hours=14.4 - 9.6)
    assert timedelta(hours=9.5) < promised[0] - datetime.now(UTC) <= timedelta(hours=9.6)
    assert await rows(fresh_workshop) == before


async def test_says_how_often_promises_of_the_type_were_kept(fresh_workshop: Workshop) -> None:
    delivered = await fresh_workshop.placed_in(OrderState.ENTREGADO)
    await copy_orders(fresh_workshop, delivered, 3)
    few = (await try_order(fresh_workshop)).json()
    assert (few["promesas_cumplidas"], few["promesas_medidas"]) == (None, 4)
    late = await copy_orders(fresh_workshop, delivered, 1)
    async with fresh_workshop.container.database.transaction("test") as session:
        await session.execute(
            text(
                "UPDATE orders SET promised_from = entregado_at - interval '1 hour',"
                " promised_until = entregado_at - interval '1 minute' WHERE id = :id"
            ),
            {"id": late[0]},
        )
    enough = (await try_order(fresh_workshop)).json()
    assert (enough["promesas_cumplidas"], enough["promesas_medidas"]) == (0.8, 5)
    other = (await try_order(fresh_workshop, tipo_producto="webhook_service")).json()
    assert (other["promesas_cumplidas"], other["promesas_medidas"]) == (None, 0)


@pytest.mark.parametrize("product_type", PRODUCT_TYPES)
async def test_tells_what_the_order_then_gets(workshop: Workshop, product_type: str) -> None:
    configuration = {"integraciones": ["stripe", "google_sheets", "slack", "marte"]}
    client = {**example_order()["datos_cliente"], "configuracion": configuration}
    changes = {"tipo_producto": product_type, "datos_cliente": client}
    tried = (await try_order(workshop, **changes)).json()
    order = await workshop.show(await workshop.place(**changes))
    assert (tried["precio"], tried["moneda"]) == (order["precio"], order["moneda"])
    request = PlanRequest(
        order["id"], order["order_number"], product_type, "Bot", "general", configuration
    )
    planner = workshop.container.line_ports().planner
    plan = (await planner.make_plan(request, idempotency_key="k")).plan
    assert plan is not None
    assert tried["plan"] == plan.model_dump(mode="json")
    assert len(plan.observaciones) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"tipo_producto": "autopilot_marte"},
        {"nombre_producto": ""},
        {"datos_cliente": {"nombre": "X"}},
        {"datos_cliente": {"nombre": "X", "email": "x@empresa.com", "telefono": "12"}},
        {
            "datos_cliente": {
                "nombre": "X",
                "email": "x@empresa.com",
                "configuracion": {"whatsapp_number": "no"},
            }
        },
        {"prioridad": "mañana"},
        {"sobra": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_refuses_what_creating_refuses(workshop: Workshop, changes: dict[str, Any]) -> None:
    tried = await try_order(workshop, **changes)
    placed = await workshop.http.post(
        "/api/orders", json=example_order(**changes), headers=workshop.headers["admin"]
    )
    assert tried.status_code == placed.status_code == 400
    assert tried.json()["details"] == placed.json()["details"] != {}


async def test_a_key_of_a_trial_is_free_for_the_order(workshop: Workshop) -> None:
    headers = {**workshop.headers["key_escritura"], "Idempotency-Key": "una-clave-de-ensayo"}
    for _ in range(2):
        tried = await workshop.http.post(TRIED, json=example_order(), headers=headers)
        assert tried.status_code == 200
        assert "Idempotency-Replayed" not in tried.headers
    placed = await workshop.http.post("/api/orders", json=example_order(), headers=headers)
    assert placed.status_code == 201


@pytest.mark.parametrize(
    ("by", "status"), [("operator", 200), ("key_escritura", 200), ("owner", 403), ("none", 401)]
)
async def test_who_may_create_may_try(workshop: Workshop, by: str, status: int) -> None:
    assert (await try_order(workshop, by)).status_code == status


async def test_dry_run_is_yes_or_no(workshop: Workshop) -> None:
    headers = workshop.headers["admin"]
    answer = await workshop.http.post(
        "/api/orders?dry_run=quizá", json=example_order(), headers=headers
    )
    assert answer.status_code == 400
    assert set(answer.json()["details"]) == {"dry_run"}
    answer = await workshop.http.post(
        "/api/orders?dry_run=false", json=example_order(), headers=headers
    )
    assert answer.status_code == 201
