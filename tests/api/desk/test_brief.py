"""GET /api/orders/{id}/plans/{version}/brief: what deciding about a plan needs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from axon_factory.db.tables import ModelCall
from axon_factory.domain.building import BuildLimits
from axon_factory.domain.states import OrderState
from axon_factory.orders.desk.brief import read_brief
from tests.api.desk.conftest import Json, Pages
from tests.support.copies import copy_orders, order_in
from tests.support.plans import edited_plan
from tests.support.workshop import ADMIN, Workshop


async def brief(pages: Pages, order_id: UUID, version: int = 1, by: str = "admin") -> Json:
    return await pages.get(f"/api/orders/{order_id}/plans/{version}/brief", by)


async def test_a_first_plan_is_compared_with_the_catalogue(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    order = await pages.workshop.show(order_id)
    found = await brief(pages, order_id)
    assert (found["version"], found["hash"]) == (1, order["plan_hash"])
    told = {(one["texto"], one["horas"]) for one in found["cambios_catalogo"]}
    assert {("Integración Stripe", None), ("Hito «Backend API»", -8), ("Hito «Base»", 18)} <= told
    assert found["cambios_anterior"] is None
    assert found["horas"] == order["plan"]["estimacion_horas"]
    assert found["horas_catalogo"] == 24
    assert found["cuentas_del_cliente"] == order["plan"]["integraciones"]
    assert found["actos"] == ["aprobar", "editar", "preguntar", "rechazar", "cancelar"]
    effect = found["si_apruebas_ahora"]
    now, later = (_range(effect[name]) for name in ("promesa", "promesa_manana"))
    assert later[0] - now[0] == later[1] - now[1] == timedelta(days=1)
    assert (effect["en_cola_antes"], effect["lugar_libre"]) == (0, True)
    assert found["costo"]["previsto_minimo_usd"] is None
    assert (await brief(pages, order_id, by="operator"))["actos"] == []


def _range(shown: Json) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(shown["desde"]), datetime.fromisoformat(shown["hasta"])


async def test_a_corrected_plan_says_what_changed_and_why(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    order = await pages.workshop.show(order_id)
    read = {"plan_version": 1, "plan_hash": order["plan_hash"]}
    await pages.act(order_id, "plans/edit", **read, plan=edited_plan(), aprobar=False)
    found = await brief(pages, order_id, 2)
    assert found["cambios_anterior"] == [
        {"cambio": "cambiado", "texto": "Memoria: 4 → 2 GB", "horas": None}
    ]
    listed = await pages.get(f"/api/orders/{order_id}/plans")
    flags = listed["planes"][1]["avisos"]
    assert [one["codigo"] for one in found["advertencias"]] == [one["codigo"] for one in flags]
    english = await pages.get(f"/api/orders/{order_id}/plans/2/brief", language="en")
    assert english["cambios_anterior"][0]["texto"] == "Memory: 4 → 2 GB"
    assert "Its milestones are not the catalogue's" in {
        one["mensaje"] for one in english["advertencias"]
    }
    old = await brief(pages, order_id, 1)
    assert (old["estado"], old["si_apruebas_ahora"], old["actos"]) == ("reemplazado", None, [])
    read = {"plan_version": 2, "plan_hash": found["hash"]}
    await pages.act(order_id, "plans/ask", **read, para="cliente", pregunta="¿Qué idioma?")
    asked = await brief(pages, order_id, 2)
    assert asked["advertencias"][0]["codigo"] == "cliente_debe_respuesta"
    await pages.act(order_id, "reject", **read, motivo="Faltan los pedidos")
    while await pages.workshop.line.advance(order_id) is not None:
        pass
    assert (await brief(pages, order_id, 3))["rechazo_anterior"] == "Faltan los pedidos"


async def test_costs_and_likes_come_from_deliveries_of_the_type(fresh_workshop: Workshop) -> None:
    pages = Pages(fresh_workshop)
    delivered = await fresh_workshop.placed_in(OrderState.ENTREGADO)
    copies = await copy_orders(fresh_workshop, delivered, 4)
    async with fresh_workshop.container.database.transaction("test") as session:
        for place, order_id in enumerate([delivered, *copies]):
            session.add(_call(order_id, Decimal(place + 1)))
        await session.execute(
            text("UPDATE orders SET retrabajos = 1 WHERE id = :id"), {"id": copies[0]}
        )
    order_id = await fresh_workshop.placed_in(OrderState.PLANIFICACION)
    found = await brief(pages, order_id)
    cost = found["costo"]
    assert (cost["previsto_minimo_usd"], cost["previsto_maximo_usd"]) == ("1.40", "4.60")
    assert (cost["ordenes_medidas"], cost["usado_usd"]) == (5, None)
    assert cost["margen"] == round(1 - 4.6 / float(found["orden"]["precio"]), 4)
    similar = found["similares"]
    assert (similar["ordenes"], similar["sin_correcciones"]) == (5, 4)
    assert len(similar["parecidas"]) == 3
    assert {one["a_tiempo"] for one in similar["parecidas"]} == {True}
    # A delivery of the factory's own builder takes seconds.
    assert similar["horas_maximo"] == 0
    assert found["si_apruebas_ahora"]["promesas_cumplidas"] == 1
    await pages.act(order_id, "budget", presupuesto_usd="2.00")
    capped = await brief(pages, order_id)
    assert capped["advertencias"][0]["codigo"] == "sobre_presupuesto"
    assert capped["costo"]["presupuesto_usd"] == "2.0000"


def _call(order_id: UUID, usd: Decimal) -> ModelCall:
    return ModelCall(
        order_id=order_id,
        intento=1,
        purpose="plan",
        provider="openai",
        model="gpt",
        input_tokens=1,
        output_tokens=1,
        cost_usd=usd,
        latency_ms=1,
        outcome="ok",
        started_at=datetime.fromisoformat("2025-11-14T10:00:00Z"),
    )


async def test_limits_say_who_is_passed(fresh_workshop: Workshop) -> None:
    queued = await fresh_workshop.placed_in(OrderState.CONSTRUCCION)
    async with fresh_workshop.container.database.transaction("test") as session:
        await session.execute(
            text("UPDATE orders SET queued_at = now(), prioridad = 'baja' WHERE id = :id"),
            {"id": queued},
        )
    order_id = await fresh_workshop.placed_in(OrderState.PLANIFICACION)
    order = await fresh_workshop.order(order_id)
    policy = fresh_workshop.container.policy
    for most, ahead, free in ((0, 0, True), (1, 0, True)):
        limited = replace(policy, limits=BuildLimits(altogether=most))
        async with fresh_workshop.container.database.reading() as session:
            found = await read_brief(session, order, 1, ADMIN, limited, datetime.now(UTC))
        effect = found["si_apruebas_ahora"]
        assert (effect["en_cola_antes"], effect["lugar_libre"]) == (ahead, free)
        assert effect["pasa_delante_de"] == (1 if most else 0)


async def test_a_version_that_is_none_is_not_found(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    answer = await pages.workshop.http.get(
        f"/api/orders/{order_id}/plans/9/brief", headers=pages.workshop.headers["admin"]
    )
    assert answer.status_code == 404
