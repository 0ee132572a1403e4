"""GET /api/orders/{id}/timeline: spans of orders that were delivered, failed, reworked, or wait."""

from datetime import datetime
from itertools import pairwise
from uuid import UUID

import pytest

from axon_factory.domain.failure import MachineTrouble, Trouble
from axon_factory.domain.states import OrderState
from axon_factory.orders.budget import ask_for_budget
from axon_factory.orders.machine_wait import end_machine_wait, wait_for_machine
from axon_factory.orders.reviewing import ask_person, send_back
from tests.api.desk.conftest import Json, Pages
from tests.support.copies import order_in

PATH = ["nuevo", "planificacion", "construccion", "qa", "listo", "entregado"]


async def timeline(pages: Pages, order_id: UUID, **options: str) -> Json:
    found = await pages.get(f"/api/orders/{order_id}/timeline", **options)
    assert [stop["estado"] for stop in found["paradas"]] == PATH
    _check_spans(found)
    return found


def _check_spans(found: Json) -> None:
    """No two spans overlap, none ends before it begins, and only the last is open."""
    spans = found["tramos"]
    for before, after in pairwise(spans):
        assert before["hasta"] is not None
        assert before["hasta"] <= after["desde"]
    for span in spans:
        end = datetime.fromisoformat(span["hasta"] or found["ahora"])
        taken = (end - datetime.fromisoformat(span["desde"])).total_seconds()
        assert abs(taken - span["segundos"]) <= 1.001
        for step in span["pasos"]:
            assert step["desde"] >= span["desde"]


def situations(found: Json) -> list[str]:
    return [stop["situacion"] for stop in found["paradas"]]


def spans(found: Json, stage: str) -> list[tuple[str, str, int]]:
    return [
        (span["estado"], span["quien"], span["intento"])
        for span in found["tramos"]
        if span["etapa"] == stage
    ]


async def test_a_delivered_order_is_done_from_end_to_end(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    order = await pages.workshop.show(order_id)
    await pages.act(order_id, "approve", plan_version=1, plan_hash=order["plan_hash"])
    while await pages.workshop.line.advance(order_id) is not None:
        pass
    found = await timeline(pages, order_id)
    assert situations(found) == ["hecho"] * 6
    assert spans(found, "planificacion") == [("hecho", "agente", 1), ("espera", "persona", 1)]
    assert spans(found, "construccion") == [("hecho", "agente", 1)]
    assert spans(found, "qa") == [("hecho", "agente", 1)]
    built = next(one for one in found["tramos"] if one["etapa"] == "construccion")
    milestones = (await pages.workshop.show(order_id))["plan"]["milestones"]
    assert built["titulo"] == ", ".join(one["nombre"] for one in milestones)
    steps = {step["paso"]: step for step in built["pasos"]}
    first = milestones[0]
    assert steps[f"construir:{first['id']}"]["titulo"] == f"Construye «{first['nombre']}»"
    assert {step["estado"] for step in steps.values()} == {"hecho"}
    waited = next(one for one in found["tramos"] if one["estado"] == "espera")
    assert waited["titulo"] == "Plan v1 aprobado"
    turn = found["turno"]
    assert (turn["quien"], turn["nombre"], turn["desde"]) == ("nadie", None, None)
    assert found["trabajo_segundos"] <= found["total_segundos"] + 0.1


async def test_an_order_that_waits_for_approval(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    found = await timeline(pages, order_id)
    assert situations(found) == ["hecho", "espera", *["pendiente"] * 4]
    last = found["tramos"][-1]
    assert (last["estado"], last["quien"], last["hasta"]) == ("espera", "persona", None)
    assert found["turno"]["frase"] == "Le toca al equipo: decide sobre el plan v1"
    assert found["turno"]["desde"] == last["desde"]
    english = await timeline(pages, order_id, language="en")
    assert english["turno"]["frase"] == "It is the team's turn: decide about plan v1"
    assert english["paradas"][1]["nombre"] == "Planning"


async def test_a_rejected_plan_says_why_and_is_planned_again(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    order = await pages.workshop.show(order_id)
    read = {"plan_version": 1, "plan_hash": order["plan_hash"]}
    await pages.act(order_id, "reject", **read, motivo="Faltan los pedidos")
    while await pages.workshop.line.advance(order_id) is not None:
        pass
    found = await timeline(pages, order_id)
    told = [
        (one["titulo"], one["detalle"], one["nombre"])
        for one in found["tramos"]
        if one["estado"] == "espera"
    ]
    assert told[0] == ("Plan v1 rechazado", "Faltan los pedidos", "admin")
    assert told[1][0] == "Plan v2 espera aprobación"
    assert next(one for one in found["paradas"] if one["estado"] == "planificacion")["veces"] == 2


async def test_a_failed_order_shows_where_and_why(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.CONSTRUCCION)
    await pages.workshop.patch(order_id, estado="fallido", motivo="No sirve")
    found = await timeline(pages, order_id)
    assert situations(found) == ["hecho", "hecho", "fallo", *["pendiente"] * 3]
    assert spans(found, "construccion") == [("fallo", "agente", 1), ("espera", "persona", 1)]
    failed = next(one for one in found["tramos"] if one["estado"] == "fallo")
    assert failed["titulo"] == "Falló la construcción"
    assert "construccion" in failed["detalle"]
    assert found["turno"]["quien"] == "persona"
    assert found["turno"]["frase"].startswith("Le toca al equipo: decide si se reintenta")
    await pages.act(order_id, "retry")
    again = await timeline(pages, order_id)
    assert spans(again, "construccion") == [
        ("fallo", "agente", 1),
        ("espera", "persona", 1),
        ("en_curso", "agente", 2),
    ]


async def test_no_agent_has_the_turn_before_one_has_begun(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.CONSTRUCCION)
    turn = (await timeline(pages, order_id))["turno"]
    assert (turn["quien"], turn["frase"]) == ("linea", "Le toca a la línea: construye el producto")
    await pages.workshop.line.advance(order_id)
    turn = (await timeline(pages, order_id))["turno"]
    assert (turn["quien"], turn["nombre"]) == ("agente", "Builder Agent")
    assert turn["frase"] == "Le toca a Builder Agent: construye el producto"


async def test_a_rework_is_a_row_of_its_own(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.QA)
    await pages.apply(order_id, lambda change: send_back(change, reasons=["móvil: 4.1 s"]))
    found = await timeline(pages, order_id)
    assert spans(found, "qa") == [("fallo", "agente", 1)]
    rejected = next(one for one in found["tramos"] if one["etapa"] == "qa")
    assert (rejected["titulo"], rejected["detalle"]) == (
        "Rechazada por la revisión",
        "móvil: 4.1 s",
    )
    assert [one[2] for one in spans(found, "construccion")] == [1, 2]
    assert situations(found) == [
        "hecho",
        "hecho",
        "en_curso",
        "pendiente",
        "pendiente",
        "pendiente",
    ]


async def test_waits_cut_the_work(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.CONSTRUCCION)
    question = {"pregunta": "¿En qué idioma?", "destinatario": "cliente", "bloquea": True}
    asked = await pages.act(order_id, "preguntas", **question)
    waiting = await timeline(pages, order_id)
    assert waiting["turno"]["frase"] == "Le toca al cliente: debe una respuesta"
    assert waiting["tramos"][-1]["detalle"] == question["pregunta"]
    assert situations(waiting)[2] == "espera"
    await pages.act(order_id, f"preguntas/{asked['numero']}/respuesta", respuesta="Español")
    await pages.apply(order_id, ask_for_budget)
    await pages.act(order_id, "budget", presupuesto_usd="5.00")
    trouble = MachineTrouble(Trouble.DISCO_LLENO, "/")
    async with pages.change(order_id) as change:
        await wait_for_machine(change, trouble, step="construir:base")
    held = await timeline(pages, order_id)
    assert held["turno"]["quien"] == "maquina"
    assert held["turno"]["frase"] == ("Espera a la máquina y sigue sola: falta espacio en el disco")
    await pages.apply(order_id, end_machine_wait)
    found = await timeline(pages, order_id)
    waits = [one["quien"] for one in found["tramos"] if one["estado"] == "espera"]
    assert waits == ["cliente", "persona", "maquina"]
    assert found["tramos"][-1]["estado"] == "en_curso"
    assert situations(found)[2] == "en_curso"


async def test_a_decision_about_the_product_is_waited_for(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.QA)
    await pages.apply(order_id, lambda change: ask_person(change, reasons=["x"]))
    found = await timeline(pages, order_id)
    assert found["tramos"][-1]["titulo"] == "Espera una decisión sobre el producto"
    assert found["turno"]["quien"] == "persona"
    await pages.act(order_id, "accept", motivo="Lo revisé")
    assert situations(await timeline(pages, order_id))[3:5] == ["hecho", "en_curso"]


async def test_a_cancelled_order_left_out_the_rest(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.PLANIFICACION)
    await pages.act(order_id, "cancel", motivo="Desistió")
    found = await timeline(pages, order_id)
    assert situations(found) == ["hecho", "hecho", *["omitido"] * 4]
    assert found["turno"]["quien"] == "nadie"


async def test_a_new_order_waits_for_the_line(pages: Pages) -> None:
    order_id = await pages.workshop.place()
    found = await timeline(pages, order_id)
    assert (found["turno"]["quien"], found["tramos"][-1]["etapa"]) == ("linea", "nuevo")
    await pages.post("/api/line/pause", {"motivo": "Mantenimiento"})
    try:
        still = await timeline(pages, order_id)
        assert still["turno"]["frase"] == "Espera: la línea está en pausa"
    finally:
        await pages.workshop.http.post("/api/line/resume", headers=pages.workshop.headers["admin"])


@pytest.mark.parametrize("caller", ["owner", "other", "permanent"])
async def test_others_than_staff_do_not_read_it(pages: Pages, caller: str) -> None:
    order_id = await order_in(pages.workshop, OrderState.QA)
    answer = await pages.workshop.http.get(
        f"/api/orders/{order_id}/timeline", headers=pages.workshop.headers[caller]
    )
    assert answer.status_code == 403
