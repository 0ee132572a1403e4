"""GET /api/pending: each class of entry appears with what it needs and its acts, and disappears."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event, text

from axon_factory.db.tables import OutboxMessage, ProductIncident
from axon_factory.domain.building import Silence
from axon_factory.domain.failure import MachineTrouble, Trouble
from axon_factory.domain.states import OrderState
from axon_factory.orders.budget import ask_for_budget
from axon_factory.orders.change import Change
from axon_factory.orders.machine_wait import end_machine_wait, wait_for_machine
from axon_factory.orders.reviewing import ask_person
from axon_factory.orders.runs.liveness import mark_silent, note_life
from tests.api.desk.conftest import Json, Pages
from tests.support.copies import copy_orders, order_in

TO_STAFF = {"pregunta": "¿Qué cuenta de Twilio?", "destinatario": "operador"}


async def only(pages: Pages, order_id: UUID | None, kind: str, by: str = "admin") -> Json:
    found = [one for one in await pages.pending(order_id, by) if one["clase"] == kind]
    assert len(found) == 1, found
    return found[0]


async def gone(pages: Pages, order_id: UUID | None, kind: str) -> bool:
    return all(one["clase"] != kind for one in await pages.pending(order_id))


async def test_a_plan_waits_until_it_is_decided(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    order = await pages.workshop.show(order_id)
    item = await only(pages, order_id, "plan")
    assert (item["titulo"], item["detiene"]) == ("Aprueba el plan v1", True)
    assert item["actos"] == ["aprobar", "editar", "preguntar", "rechazar", "cancelar"]
    assert item["orden"]["cliente"] == "Empresa XYZ S.A."
    assert item["orden"]["precio"] == order["precio"]
    detail = item["detalle"]
    assert (detail["plan_version"], detail["plan_hash"]) == (1, order["plan_hash"])
    assert detail["horas"] == order["plan"]["estimacion_horas"]
    assert detail["hitos"] == len(order["plan"]["milestones"])
    seen = await only(pages, order_id, "plan", "operator")
    assert (seen["titulo"], seen["actos"]) == ("El plan v1 espera aprobación", [])
    read = {"plan_version": 1, "plan_hash": order["plan_hash"]}
    await pages.act(order_id, "reject", **read, motivo="Faltan los pedidos")
    assert await gone(pages, order_id, "plan")
    while await pages.workshop.line.advance(order_id) is not None:
        pass
    again = await only(pages, order_id, "plan")
    assert again["titulo"] == "Aprueba el plan v2, ya corregido"
    assert again["detalle"]["rechazo_anterior"] == "Faltan los pedidos"
    read = {name: again["detalle"][name] for name in ("plan_version", "plan_hash")}
    await pages.act(order_id, "approve", **read)
    assert await gone(pages, order_id, "plan")


async def test_a_question_waits_until_it_is_answered(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.CONSTRUCCION)
    asked = await pages.act(order_id, "preguntas", **TO_STAFF, bloquea=True)
    item = await only(pages, order_id, "pregunta", "operator")
    assert (item["detiene"], item["actos"]) == (True, ["responder"])
    assert item["detalle"]["pregunta"] == TO_STAFF["pregunta"]
    await pages.act(order_id, f"preguntas/{asked['numero']}/respuesta", respuesta="La suya")
    assert await gone(pages, order_id, "pregunta")
    await pages.act(order_id, "preguntas", **TO_STAFF, bloquea=False)
    idle = await only(pages, order_id, "pregunta")
    assert (idle["detiene"], "responder" in idle["actos"]) == (False, True)


async def test_a_client_who_does_not_answer_is_shown_after_a_day(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.CONSTRUCCION)
    question = {"pregunta": "¿En qué idioma saluda?", "destinatario": "cliente"}
    asked = await pages.act(order_id, "preguntas", **question, bloquea=True)
    assert await gone(pages, order_id, "cliente")
    async with pages.workshop.container.database.transaction("test") as session:
        await session.execute(
            text("UPDATE order_questions SET asked_at = :then WHERE order_id = :id"),
            {"id": order_id, "then": datetime.now(UTC) - timedelta(days=2)},
        )
    item = await only(pages, order_id, "cliente")
    assert (item["titulo"], item["detiene"]) == ("El cliente no ha respondido", True)
    await pages.act(order_id, f"preguntas/{asked['numero']}/respuesta", respuesta="Español")
    assert await gone(pages, order_id, "cliente")


async def test_a_failure_waits_until_it_is_retried(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.QA)
    await pages.workshop.patch(order_id, estado="fallido", motivo="No sirve")
    item = await only(pages, order_id, "fallo")
    assert item["titulo"] == "Falló la revisión: lo decidió una persona"
    assert item["actos"] == ["reintentar", "cancelar"]
    detail = item["detalle"]
    assert (detail["estado"], detail["causa"]) == ("qa", "decision_manual")
    milestones = (await pages.workshop.show(order_id))["plan"]["milestones"]
    assert detail["ultimo_hito"]["id"] in {one["id"] for one in milestones}
    assert detail["ultimo_hito"]["nombre"]
    assert (await only(pages, order_id, "fallo", "operator"))["actos"] == []
    await pages.act(order_id, "retry")
    assert await gone(pages, order_id, "fallo")


async def test_a_review_that_was_given_up_waits_for_a_decision(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.QA)
    await pages.apply(order_id, lambda change: ask_person(change, reasons=["tests: 3 fallan"]))
    item = await only(pages, order_id, "revision")
    assert item["titulo"] == "Decide tras 1 rechazo de la revisión"
    assert item["actos"] == ["aceptar", "devolver", "fallar", "cancelar"]
    assert item["detalle"]["hallazgos"] == ["tests: 3 fallan"]
    assert (await only(pages, order_id, "revision", "operator"))["actos"] == ["devolver"]
    await pages.act(order_id, "accept", motivo="Lo revisé")
    assert await gone(pages, order_id, "revision")


async def test_a_spent_budget_waits_for_a_decision(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.CONSTRUCCION)
    await pages.apply(order_id, ask_for_budget)
    item = await only(pages, order_id, "presupuesto")
    assert item["actos"] == ["presupuesto", "cancelar"]
    assert item["detalle"]["usado_usd"] is None
    await pages.act(order_id, "budget", presupuesto_usd="5.00")
    assert await gone(pages, order_id, "presupuesto")


@pytest.mark.parametrize(("level", "stops"), [("sin_respuesta", False), ("estancado", True)])
async def test_a_silent_agent_is_shown_until_it_speaks(
    pages: Pages, level: str, stops: bool
) -> None:
    order_id = await order_in(pages.workshop, OrderState.CONSTRUCCION)

    async def fall_silent(change: Change) -> None:
        change.order.session_open = True
        change.order.heartbeat_at = change.now - timedelta(hours=1)
        await mark_silent(change, Silence(level))

    await pages.apply(order_id, fall_silent)
    item = await only(pages, order_id, "silencio")
    assert (item["detiene"], item["detalle"]["nivel"]) == (stops, level)
    assert item["actos"] == ["mirar", "cancelar"]
    await pages.apply(order_id, lambda change: note_life(change, at=change.now))
    assert await gone(pages, order_id, "silencio")


async def test_trouble_of_the_machine_is_one_entry(pages: Pages) -> None:
    orders = [await order_in(pages.workshop, OrderState.CONSTRUCCION) for _ in range(2)]
    trouble = MachineTrouble(Trouble.SIN_AISLAMIENTO, "bwrap")
    for order_id in orders:
        await pages.apply(
            order_id, lambda change: wait_for_machine(change, trouble, step="revisar")
        )
    item = await only(pages, None, "maquina")
    assert item["titulo"] == "El aislamiento de los productos no funciona: 2 órdenes esperan"
    assert (item["detalle"]["codigo"], item["detalle"]["ordenes"]) == ("sin_aislamiento", 2)
    assert item["actos"] == ["reintentar"]
    for order_id in orders:
        await pages.apply(order_id, end_machine_wait)
    assert await gone(pages, None, "maquina")


async def test_a_product_that_is_down_is_shown_until_it_is_back(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.LISTO)
    async with pages.workshop.container.database.transaction("test") as session:
        session.add(
            ProductIncident(
                order_id=order_id,
                kind="bucle",
                detail="x",
                machine="una",
                opened_at=datetime.now(UTC),
            )
        )
    item = await only(pages, order_id, "producto")
    assert (item["titulo"], item["detiene"]) == ("El producto se cae una y otra vez", False)
    assert item["detalle"]["causa"] == "bucle"
    async with pages.workshop.container.database.transaction("test") as session:
        await session.execute(
            text("UPDATE product_incidents SET closed_at = now() WHERE order_id = :id"),
            {"id": order_id},
        )
    assert await gone(pages, order_id, "producto")


async def test_a_problem_of_a_client_waits_until_it_is_closed(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.LISTO)
    body = {"descripcion": "No contesta los domingos"}
    told = await pages.workshop.http.post(
        f"/api/orders/{order_id}/problems", json=body, headers=pages.workshop.headers["owner"]
    )
    assert told.status_code == 201, told.text
    item = await only(pages, order_id, "problema")
    assert (item["titulo"], item["detiene"]) == ("El cliente reporta un problema", False)
    assert item["detalle"]["descripcion"] == "No contesta los domingos"
    assert item["actos"] == ["cerrar"]
    number = item["detalle"]["numero"]
    await pages.post(f"/api/orders/{order_id}/problems/{number}/close", {})
    assert await gone(pages, order_id, "problema")


async def test_a_mail_that_was_given_up_is_shown_until_it_is_sent_anew(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    to_client = await _given_up(pages, order_id, "cliente.entregada")
    await _given_up(pages, order_id, None)
    items = [one for one in await pages.pending(order_id) if one["clase"] == "aviso"]
    assert {one["titulo"] for one in items} == {
        "No llegó el correo de entrega",
        "No llegó un correo al equipo",
    }
    assert all(one["actos"] == ["reenviar"] and not one["detiene"] for one in items)
    assert {one["detalle"]["intentos"] for one in items} == {129}
    # What went to others than the client is the administrators'.
    seen = await only(pages, order_id, "aviso", "operator")
    assert (seen["detalle"]["id"], seen["actos"]) == (str(to_client), [])
    for one in items:
        await pages.post(f"/api/notifications/deliveries/{one['detalle']['id']}/redeliver", {})
    assert await gone(pages, order_id, "aviso")


async def _given_up(pages: Pages, order_id: UUID, event_name: str | None) -> UUID:
    message_id, now = uuid4(), datetime.now(UTC)
    async with pages.workshop.container.database.transaction("test") as session:
        session.add(
            OutboxMessage(
                id=message_id,
                dedupe_key=str(message_id),
                order_id=order_id,
                event=event_name,
                recipient="contacto@empresa.com",
                subject="Tu producto",
                body="…",
                created_at=now,
                attempts=129,
                given_up_at=now,
                last_error="550",
            )
        )
    return message_id


@pytest.fixture
async def paused(pages: Pages) -> AsyncIterator[None]:
    await pages.post("/api/line/pause", {"motivo": "Mantenimiento"})
    yield
    await pages.workshop.http.post("/api/line/resume", headers=pages.workshop.headers["admin"])


async def test_a_line_that_does_not_run_is_shown(pages: Pages, paused: None) -> None:
    item = await only(pages, None, "linea")
    assert (item["titulo"], item["actos"]) == ("La línea está en pausa", ["reanudar"])
    assert item["detalle"] == {
        "modo": "pausada",
        "motivo": "Mantenimiento",
        "cambiado_por": "admin",
    }
    assert (await only(pages, None, "linea", "operator"))["actos"] == []
    await pages.workshop.http.post("/api/line/resume", headers=pages.workshop.headers["admin"])
    assert await gone(pages, None, "linea")


async def test_what_stops_an_order_comes_first_then_the_oldest(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    await _given_up(pages, order_id, None)
    found = await pages.get("/api/pending", limit=200)
    items = found["pendientes"]
    assert found["total"] == found["count"] == len(items)
    assert found["detienen"] == sum(one["detiene"] for one in items)
    keys = [(not one["detiene"], one["desde"]) for one in items]
    assert keys == sorted(keys)
    assert len({one["id"] for one in items}) == len(items)
    by_class = {
        kind: len([one for one in items if one["clase"] == kind]) for kind in found["por_clase"]
    }
    assert by_class == found["por_clase"]
    stopped = {
        one["orden"]["id"]: float(one["orden"]["precio"])
        for one in items
        if one["detiene"] and one["orden"]
    }
    assert found["dinero"] == [{"moneda": "USD", "monto": f"{sum(stopped.values()):.2f}"}]


async def test_classes_and_pages_are_cut_from_the_same_list(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    await _given_up(pages, order_id, None)
    whole = await pages.get("/api/pending", limit=200)
    plans = await pages.get("/api/pending", clase=["plan", "aviso"], limit=200)
    assert plans["por_clase"] == whole["por_clase"]
    wanted = [one["id"] for one in whole["pendientes"] if one["clase"] in {"plan", "aviso"}]
    assert [one["id"] for one in plans["pendientes"]] == wanted
    second = await pages.get("/api/pending", clase=["plan", "aviso"], limit=1, offset=1)
    assert [one["id"] for one in second["pendientes"]] == wanted[1:2]
    assert second["total"] == len(wanted)
    beyond = await pages.get("/api/pending", offset=100_000)
    assert (beyond["count"], beyond["total"]) == (0, whole["total"])
    dearest = await pages.get("/api/pending", clase="plan", sort_by="precio", limit=200)
    prices = [float(one["orden"]["precio"]) for one in dearest["pendientes"]]
    assert prices == sorted(prices, reverse=True)


async def test_it_is_said_in_english_too(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    found = await pages.get("/api/pending", language="en", limit=200)
    titles = [one["titulo"] for one in found["pendientes"] if _is_of(one, order_id)]
    assert titles == ["Approve plan v1"]


def _is_of(item: Json, order_id: UUID) -> bool:
    return item["orden"] is not None and item["orden"]["id"] == str(order_id)


async def test_many_entries_take_the_statements_of_few(pages: Pages) -> None:
    original = await order_in(pages.workshop, OrderState.PLANIFICACION)
    few = await _statements(pages)
    await copy_orders(pages.workshop, original, 150)
    assert await _statements(pages) == few


async def _statements(pages: Pages) -> int:
    """How many statements a page of what waits takes, sessions' own aside."""
    counted = list[str]()

    def count(*details: object) -> None:
        counted.append(str(details[2]))

    await pages.pending(None)  # whoever asks is known by now
    event.listen(Engine, "before_cursor_execute", count)
    try:
        await pages.pending(None)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len([one for one in counted if "found AS" in one]) == 1
    return len(counted)
