"""The client's page in words: stages, dates and why they moved, both languages, no word of ours."""

import re
from datetime import timedelta
from html import unescape
from uuid import UUID

import pytest
from sqlalchemy import text

from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.portal import link_of
from tests.support.workshop import Workshop

WIRE_WORDS = (
    *OrderState,
    "pendiente_aprobacion",
    "cliente_id",
    "retrabajo",
    "retrabajos",
    "rechazo",
    "rechazado",
    "hito",
    "scaffolding",
    "Backend API",
    "Frontend",
    "agente",
    "builder",
)


def words_of(page: str) -> str:
    """What a person reads of a page: no markup, no scripts, no addresses."""
    body = page.partition("<body>")[2]
    return unescape(re.sub(r"<[^>]+>", " ", body))


async def page_of(workshop: Workshop, order_id: UUID, language: str = "es") -> str:
    answer = await workshop.http.get(
        link_of(workshop, order_id), headers={"Accept-Language": language}
    )
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("state", OrderState)
async def test_no_page_has_a_word_of_ours(
    workshop: Workshop, state: OrderState, language: str
) -> None:
    order_id = await order_in(workshop, state)
    said = words_of(await page_of(workshop, order_id, language))
    for word in WIRE_WORDS:
        assert not re.search(rf"\b{re.escape(word)}\b", said), word
    stages = {
        "es": ("Recibido", "Plan aprobado", "En construcción", "Revisión de calidad", "Entregado"),
        "en": ("Received", "Plan approved", "Being built", "Quality review", "Delivered"),
    }[language]
    places = [said.rindex(stage) for stage in stages]
    assert places == sorted(places)


async def test_what_was_sent_back_is_still_being_built(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.QA)
    await workshop.patch(order_id, estado="construccion")
    assert (await workshop.order(order_id)).retrabajos == 1
    page = await page_of(workshop, order_id)
    assert "Estamos construyendo" in page
    built = text("SELECT count(DISTINCT milestone_id) FROM order_milestones WHERE order_id = :id")
    async with workshop.container.database.reading() as session:
        count = await session.scalar(built, {"id": order_id})
    assert count
    assert page.count('class="hecho"') == 2 + count  # two stages; what was built stays built


async def test_a_moved_promise_says_why(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    asked = await workshop.http.post(
        f"/api/orders/{order_id}/preguntas",
        json={"pregunta": "¿Qué tono usa?", "destinatario": "cliente"},
        headers=workshop.headers["operator"],
    )
    assert asked.status_code == 201
    page = await page_of(workshop, order_id)
    assert "Se mueve mientras esperamos tu respuesta." in page
    assert "espera tu respuesta" in page
    earlier = text(
        "UPDATE order_questions SET asked_at = asked_at - CAST(:by AS interval) "
        "WHERE order_id = :id"
    )
    paused = text(
        "UPDATE orders SET aprobado_at = aprobado_at - 2 * CAST(:by AS interval), "
        "paused_at = paused_at - CAST(:by AS interval) WHERE id = :id"
    )
    async with workshop.container.database.transaction("test") as session:
        for statement in (earlier, paused):
            await session.execute(statement, {"by": timedelta(days=3), "id": order_id})
    moving = words_of(await page_of(workshop, order_id))
    assert "Se mueve porque esperamos tu respuesta:" in moving
    answered = await workshop.http.post(
        f"{link_of(workshop, order_id)}/preguntas/1", data={"respuesta": "Cercano"}
    )
    assert answered.status_code == 303
    moved = words_of(await page_of(workshop, order_id))
    assert "Antes era" in moved
    assert "Se movió porque esperamos tu respuesta:" in moved
    assert "3 días" in moved
    english = words_of(await page_of(workshop, order_id, "en"))
    assert "It moved because we waited for your answer:" in english
    assert "3 days" in english


async def test_a_late_promise_is_not_hidden(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    late = text(
        "UPDATE orders SET promised_from = promised_from - interval '30 days', "
        "promised_until = promised_until - interval '30 days' WHERE id = :id"
    )
    async with workshop.container.database.transaction("test") as session:
        await session.execute(late, {"id": order_id})
    assert "más de lo previsto" in await page_of(workshop, order_id)


async def test_the_order_says_the_language_unless_the_reader_does(workshop: Workshop) -> None:
    client = {"nombre": "Ana", "email": "a@example.com", "configuracion": {"idioma": "en"}}
    order_id = await workshop.place(datos_cliente=client)
    link = link_of(workshop, order_id)
    assert "We have your order" in await page_of(workshop, order_id, "es")
    chosen = await workshop.http.get(f"{link}?idioma=es")
    assert (chosen.status_code, chosen.headers["Location"]) == (303, link)
    assert chosen.headers["Referrer-Policy"] == "no-referrer"
    assert "axon-idioma=es" in chosen.headers["Set-Cookie"]
    shown = await workshop.http.get(link, headers={"Cookie": "axon-idioma=es"})
    assert "Recibimos tu orden" in shown.text
    assert '<html lang="es"' in shown.text


async def test_without_either_the_browser_says_it(workshop: Workshop) -> None:
    order_id = await workshop.place()
    assert "We have your order" in await page_of(workshop, order_id, "en-GB,en;q=0.9")
    assert "Recibimos tu orden" in await page_of(workshop, order_id, "fr")


async def test_an_unknown_language_or_notice_is_ignored(workshop: Workshop) -> None:
    order_id = await workshop.place()
    link = link_of(workshop, order_id)
    for query in ("?idioma=xx", "?aviso=<script>", "?respondida=9", "?aviso=respondida"):
        answer = await workshop.http.get(f"{link}{query}")
        assert answer.status_code == 200
        assert 'role="status"><svg' not in answer.text
        assert "recibimos tu respuesta" not in answer.text


async def test_a_link_that_ended_says_so_in_both_languages(workshop: Workshop) -> None:
    order_id = await workshop.place()
    ended = await workshop.http.delete(
        f"/api/orders/{order_id}/portal-links/1", headers=workshop.headers["admin"]
    )
    assert ended.status_code == 200
    for language, words in (("es", "Este enlace ya no sirve"), ("en", "no longer serves")):
        answer = await workshop.http.get(
            link_of(workshop, order_id), headers={"Accept-Language": language}
        )
        assert answer.status_code == 410
        assert words in answer.text
        assert "form-action 'none'" in answer.headers["Content-Security-Policy"]
