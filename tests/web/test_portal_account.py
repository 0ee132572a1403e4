"""The client's orders behind their account: theirs alone, without codes; staff have the desk."""

from html import unescape
from uuid import UUID

import httpx2
import pytest

from axon_factory.domain.states import OrderState
from axon_factory.orders.credentials import open_credentials
from tests.support.copies import order_in
from tests.support.portal import client_signed_in, form_of, link_of
from tests.support.workshop import Workshop


@pytest.fixture
async def delivered(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.ENTREGADO)


async def home_of(workshop: Workshop, order_id: UUID) -> str:
    return f"/portal/ordenes/{(await workshop.order(order_id)).order_number}"


async def send(
    browser: httpx2.AsyncClient, page: str, action: str, **fields: str
) -> httpx2.Response:
    shown = await browser.get(page)
    assert shown.status_code == 200, shown.text
    return await browser.post(action, data={**form_of(shown.text, action), **fields})


async def test_a_client_sees_their_orders_and_no_others(
    workshop: Workshop, delivered: UUID
) -> None:
    home = await home_of(workshop, delivered)
    foreign = await workshop.place(cliente_id="cliente-ajeno", nombre_producto="Ajeno")
    async with client_signed_in(workshop) as browser:
        listed = await browser.get("/portal")
        assert listed.status_code == 200
        assert f'href="{home}"' in listed.text
        assert "Ajeno" not in listed.text
        page = await browser.get(home)
        assert page.status_code == 200
        assert "Mostrar mis credenciales" in page.text
        missing = await browser.get(await home_of(workshop, foreign))
        assert missing.status_code == 404
        assert "Ajeno" not in missing.text
        assert (await browser.get("/portal/ordenes/nada")).status_code == 404


async def test_both_doors_show_the_same(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.QA)
    by_link = await workshop.http.get(link_of(workshop, order_id))
    async with client_signed_in(workshop) as browser:
        by_account = await browser.get(await home_of(workshop, order_id))
    for words in ("Revisamos la calidad de", "Revisión de calidad", "Fecha prometida"):
        assert words in by_link.text
        assert words in by_account.text


@pytest.mark.parametrize("name", ["admin", "operator"])
async def test_staff_are_sent_to_the_desk(workshop: Workshop, delivered: UUID, name: str) -> None:
    number = (await workshop.order(delivered)).order_number
    async with client_signed_in(workshop, name) as browser:
        assert (await browser.get("/portal")).headers["Location"] == "/app"
        for part in ("", "/problema"):
            answer = await browser.get(f"/portal/ordenes/{number}{part}")
            assert answer.headers["Location"] == f"/app/ordenes/{number}"


async def test_nobody_signed_in_is_asked_to(workshop: Workshop, delivered: UUID) -> None:
    home = await home_of(workshop, delivered)
    for path in ("/portal", home, f"{home}/problema", f"{home}/credenciales"):
        answer = await workshop.http.get(path)
        assert (answer.status_code, answer.headers["Location"][:8]) == (303, "/entrar?")
    for part in ("credenciales", "credenciales/nuevas", "problema", "calificacion", "preguntas/1"):
        answer = await workshop.http.post(f"{home}/{part}", data={})
        assert (answer.status_code, answer.headers["Location"][:7]) == (303, "/entrar")


async def test_credentials_are_shown_once_without_a_code(
    workshop: Workshop, delivered: UUID
) -> None:
    home = await home_of(workshop, delivered)
    order = await workshop.order(delivered)
    async with workshop.container.database.reading() as session:
        values = await open_credentials(session, order, workshop.container.secret_box)
    async with client_signed_in(workshop) as browser:
        page = await browser.get(home)
        fields = form_of(page.text, f"{home}/credenciales")
        shown = await browser.post(f"{home}/credenciales", data=fields)
        assert shown.status_code == 200
        assert all(value in unescape(shown.text) for value in values.values())
        assert shown.headers["Cache-Control"] == "no-store"
        again = await browser.post(f"{home}/credenciales", data=fields)
        assert again.status_code == 409
        secrets = [value for value in values.values() if "@" not in value]
        assert not any(value in again.text for value in secrets)
        rotated = await send(browser, home, f"{home}/credenciales/nuevas")
        assert (rotated.status_code, rotated.headers["Location"]) == (
            303,
            f"{home}?aviso=cambio#credenciales",
        )


async def test_another_site_or_client_shows_and_changes_nothing(
    workshop: Workshop, delivered: UUID
) -> None:
    home = await home_of(workshop, delivered)
    parts = ("credenciales", "credenciales/nuevas", "problema", "calificacion")
    async with client_signed_in(workshop) as browser:
        for part in parts:
            assert (await browser.post(f"{home}/{part}", data={})).status_code == 403
    async with client_signed_in(workshop, "other") as browser:
        mine = await browser.get("/cuenta")
        fields = form_of(mine.text, "/salir")
        for part in parts:
            sent = {**fields, "descripcion": "x", "calificacion": "3"}
            answer = await browser.post(f"{home}/{part}", data=sent)
            assert answer.status_code == 404, part


async def test_a_question_is_answered(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    asked = await workshop.http.post(
        f"/api/orders/{order_id}/preguntas",
        json={
            "pregunta": "¿Qué tono?",
            "destinatario": "cliente",
            "opciones": ["Cercano", "Serio"],
        },
        headers=workshop.headers["operator"],
    )
    assert asked.status_code == 201
    home = await home_of(workshop, order_id)
    async with client_signed_in(workshop) as browser:
        action = f"{home}/preguntas/1"
        wrong = await send(browser, home, action, respuesta="Otro")
        assert wrong.status_code == 400
        assert 'role="alert"' in wrong.text
        answer = await send(browser, home, action, respuesta="Cercano")
        assert answer.status_code == 303
        page = (await browser.get(answer.headers["Location"])).text
    assert "Gracias: recibimos tu respuesta." in page
    assert "Ya nos respondiste" in page


async def test_a_problem_and_a_rating_are_sent(workshop: Workshop, delivered: UUID) -> None:
    home = await home_of(workshop, delivered)
    async with client_signed_in(workshop) as browser:
        empty = await send(browser, f"{home}/problema", f"{home}/problema", descripcion=" ")
        assert empty.status_code == 400
        sent = await send(browser, f"{home}/problema", f"{home}/problema", descripcion="No abre")
        assert sent.headers["Location"] == f"{home}?aviso=problema"
        rated = await send(browser, home, f"{home}/calificacion", calificacion="5")
        assert rated.headers["Location"] == f"{home}?aviso=calificada"
        assert "5: Excelente" in (await browser.get(home)).text


async def test_the_language_is_chosen_by_a_link_and_kept(
    workshop: Workshop, delivered: UUID
) -> None:
    home = await home_of(workshop, delivered)
    async with client_signed_in(workshop) as browser:
        chosen = await browser.get(f"{home}?idioma=en")
        assert (chosen.status_code, chosen.headers["Location"]) == (303, home)
        assert "is up and running" in (await browser.get(home)).text
        assert "Your orders" in (await browser.get("/portal")).text
