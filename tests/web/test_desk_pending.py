"""What waits: each entry with what it is about, and acts in place."""

from uuid import UUID

import pytest

from axon_factory.domain.states import OrderState
from axon_factory.orders.reviewing import ask_person
from tests.api.desk.conftest import Pages
from tests.support.copies import order_in
from tests.support.pages import Browser, signed_in
from tests.support.workshop import Workshop

ADDRESS = "/app/pendientes"
HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(2)>"
WIRE = ("pendiente_aprobacion", "plan_hash", "fallido", "construccion ", "espera_causa")


async def items_of(workshop: Workshop, order_id: UUID, by: str = "admin") -> dict[str, str]:
    """Return the ids of the entries about an order by their class."""
    answer = await workshop.http.get("/api/pending?limit=200", headers=workshop.headers[by])
    found = [one for one in answer.json()["pendientes"] if one["orden"]]
    return {one["clase"]: one["id"] for one in found if one["orden"]["id"] == str(order_id)}


async def see(browser: Browser, workshop: Workshop, order_id: UUID, kind: str) -> None:
    item = (await items_of(workshop, order_id))[kind]
    await browser.see(f"{ADDRESS}?clase={kind}&ver={item}")
    assert browser.page.status_code == 200, browser.page.text


async def test_plan_is_approved_from_the_list(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    number = (await workshop.order(order_id)).order_number
    admin = await signed_in(workshop)
    await see(admin, workshop, order_id, "plan")
    for said in (number, "Aprueba el plan v1", "Promesa", "Qué cambia frente al catálogo"):
        assert said in admin.words
    await admin.send(f"/app/ordenes/{number}/actos/aprobar")
    assert admin.page.url.path == ADDRESS
    assert (await workshop.order(order_id)).estado == OrderState.CONSTRUCCION
    assert "plan" not in await items_of(workshop, order_id)


async def test_operator_sees_the_plan_and_decides_nothing(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    number = (await workshop.order(order_id)).order_number
    operator = await signed_in(workshop, "operator")
    await see(operator, workshop, order_id, "plan")
    assert f"/app/ordenes/{number}/plan" in operator.page.text
    for act in ("aprobar", "rechazar", "preguntar"):
        assert f"/actos/{act}" not in operator.page.text


async def test_question_is_answered_in_place(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    asked = await workshop.http.post(
        f"/api/orders/{order_id}/preguntas",
        json={"pregunta": HOSTILE, "destinatario": "operador", "bloquea": True},
        headers=workshop.headers["admin"],
    )
    assert asked.status_code == 201, asked.text
    operator = await signed_in(workshop, "operator")
    await see(operator, workshop, order_id, "pregunta")
    assert "<script>alert" not in operator.page.text
    number = (await workshop.order(order_id)).order_number
    address = f"/app/ordenes/{number}/preguntas/{asked.json()['numero']}"
    await operator.send(address, respuesta="La de la tienda")
    assert "pregunta" not in await items_of(workshop, order_id)


async def test_failure_says_why_and_is_tried_again(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    await workshop.patch(order_id, estado="fallido", motivo="El ERP no responde")
    number = (await workshop.order(order_id)).order_number
    admin = await signed_in(workshop)
    await see(admin, workshop, order_id, "fallo")
    for said in ("Falló la construcción", "Reintentar", "Cancelar la orden"):
        assert said in admin.words
    await admin.send(f"/app/ordenes/{number}/actos/reintentar")
    assert admin.page.url.path == ADDRESS
    assert (await workshop.order(order_id)).estado == OrderState.CONSTRUCCION


async def test_review_given_up_is_sent_back(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.QA)
    await Pages(workshop).apply(order_id, lambda change: ask_person(change, reasons=["3 fallan"]))
    number = (await workshop.order(order_id)).order_number
    admin = await signed_in(workshop)
    await see(admin, workshop, order_id, "revision")
    assert "3 fallan" in admin.words
    path = f"/app/ordenes/{number}/actos/devolver"
    assert path in admin.page.text
    await admin.see(path)
    await admin.send(path, motivo="Falta el acento")
    assert (await workshop.order(order_id)).estado == OrderState.CONSTRUCCION


async def test_tabs_have_counts_and_the_head_has_the_money(workshop: Workshop) -> None:
    await order_in(workshop, OrderState.PLANIFICACION)
    admin = await signed_in(workshop)
    answer = await workshop.http.get("/api/pending", headers=workshop.headers["admin"])
    found = answer.json()
    await admin.see(ADDRESS)
    assert f"Planes {found['por_clase']['plan']}" in admin.words
    assert f"Pendientes {sum(found['por_clase'].values())}" in admin.words
    assert "USD esperan por ti" in admin.words
    await admin.see(f"{ADDRESS}?clase=plan&orden=valor")
    assert "Más antiguo primero" in admin.words
    for wire in WIRE:
        assert wire not in admin.words


@pytest.mark.parametrize("query", ["?clase=nada", "?ver=x%3A%3A", "?orden=otra", "?desde=9999"])
async def test_address_that_names_nothing_shows_what_there_is(
    workshop: Workshop, query: str
) -> None:
    admin = await signed_in(workshop)
    await admin.see(ADDRESS + query)
    assert admin.page.status_code == 200


async def test_nothing_of_a_class_says_so(workshop: Workshop) -> None:
    admin = await signed_in(workshop)
    await admin.see(f"{ADDRESS}?clase=presupuesto")
    assert "Nada de esta clase te espera" in admin.words


async def test_english(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    admin = await signed_in(workshop, language="en")
    await see(admin, workshop, order_id, "plan")
    for said in ("Approve plan v1", "What differs from the catalogue", "Read the plan"):
        assert said in admin.words


async def test_clients_are_kept_out(workshop: Workshop) -> None:
    owner = await signed_in(workshop, "owner")
    await owner.see(ADDRESS)
    assert owner.page.status_code == 403
