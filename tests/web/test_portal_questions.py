"""A question on the client's page: shown first, answered by a plain form, once."""

import re
from html import unescape
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select
from sqlmodel import col

from axon_factory.db.tables import AuditRow, OrderQuestion
from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.workshop import Workshop

HOSTILE = "</textarea><script>alert('1')</script>\"><img src=x onerror=alert(2)>"


@pytest.fixture
async def building(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.CONSTRUCCION)


async def ask(workshop: Workshop, order_id: UUID, text: str, *options: str, **more: object) -> None:
    question = {"pregunta": text, "destinatario": "cliente", "opciones": list(options), **more}
    answer = await workshop.http.post(
        f"/api/orders/{order_id}/preguntas", json=question, headers=workshop.headers["operator"]
    )
    assert answer.status_code == 201, answer.text


def path_of(workshop: Workshop, order_id: UUID) -> str:
    return urlsplit(workshop.container.portal_links.url(order_id)).path


async def page_of(workshop: Workshop, order_id: UUID) -> str:
    answer = await workshop.http.get(path_of(workshop, order_id))
    assert answer.status_code == 200
    return answer.text


async def send(
    workshop: Workshop, order_id: UUID, text: str, number: object = 1
) -> httpx2.Response:
    return await workshop.http.post(
        f"{path_of(workshop, order_id)}/preguntas/{number}", data={"respuesta": text}
    )


async def kept(workshop: Workshop, order_id: UUID) -> OrderQuestion:
    async with workshop.container.database.reading() as session:
        return await session.get_one(OrderQuestion, (order_id, 1))


async def test_the_question_comes_first_and_its_form_answers_it(
    workshop: Workshop, building: UUID
) -> None:
    await ask(workshop, building, "¿Qué tono usa?\nDos líneas.")
    page = unescape(await page_of(workshop, building))
    assert "Esperamos tu respuesta" in page
    assert page.index("¿Qué tono usa?\nDos líneas.") < page.index('id="avance"')
    (action,) = re.findall(r'<form method="post" action="([^"]+)"', page)
    answer = await workshop.http.post(action, data={"respuesta": " Cercano.\r\nY breve. "})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(path_of(workshop, building))
    question = await kept(workshop, building)
    assert (question.answer, question.answered_by_name) == ("Cercano.\nY breve.", "Cliente")
    assert (await workshop.order(building)).espera is None
    thanks = await workshop.http.get(answer.headers["Location"])
    assert "Gracias: recibimos tu respuesta." in thanks.text
    assert "<form" not in thanks.text
    async with workshop.container.database.reading() as session:
        entries = await session.scalars(
            select(AuditRow).where(
                col(AuditRow.chain) == str(building), col(AuditRow.actor) == "portal"
            )
        )
        assert [entry.action for entry in entries] == ["orders:answer"]


async def test_a_second_click_changes_nothing_and_another_answer_is_refused(
    workshop: Workshop, building: UUID
) -> None:
    await ask(workshop, building, "¿Qué idioma?", "Español", "Inglés")
    assert [(await send(workshop, building, "Español")).status_code for _ in range(2)] == [303, 303]
    other = await send(workshop, building, "Inglés")
    assert other.status_code == 409
    assert "ya no espera respuesta" in other.text
    assert (await kept(workshop, building)).answer == "Español"


@pytest.mark.parametrize("text", ["", "   ", "Francés", "nul\x00"])
async def test_a_wrong_answer_is_said_beside_the_question(
    workshop: Workshop, building: UUID, text: str
) -> None:
    await ask(workshop, building, "¿Qué idioma?", "Español", "Inglés")
    answer = await send(workshop, building, text)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert (await kept(workshop, building)).answer is None


async def test_what_was_typed_is_not_lost_by_a_refusal(workshop: Workshop, building: UUID) -> None:
    await ask(workshop, building, "¿Qué tono usa?")
    answer = await send(workshop, building, "x" * 4001)
    assert answer.status_code == 400
    assert "x" * 4001 in answer.text


async def test_hostile_words_are_text(workshop: Workshop, building: UUID) -> None:
    await ask(workshop, building, HOSTILE)
    await ask(workshop, building, "¿Cuál?", HOSTILE, "otra")
    for page in (
        await page_of(workshop, building),
        (await send(workshop, building, "x" * 4000 + HOSTILE)).text,
    ):
        assert page.count("<script") == page.count('<script defer src="/static/portal.js') == 1
        assert "<img" not in page
        assert unescape(page).count(HOSTILE) >= 3
    assert (await send(workshop, building, HOSTILE, 2)).status_code == 303


async def test_only_the_link_and_only_the_clients_questions(
    workshop: Workshop, building: UUID
) -> None:
    await ask(workshop, building, "¿Qué cuenta?", destinatario="operador")
    page = await page_of(workshop, building)
    assert "¿Qué cuenta?" not in page
    assert "<form" not in page
    for number in (1, 2, 0, "1x", "\uff19", 10**12):
        assert (await send(workshop, building, "x", number)).status_code == 404
    wrong = await workshop.http.post(
        f"{path_of(workshop, building)}x/preguntas/1", data={"respuesta": "x"}
    )
    assert wrong.status_code == 404
    assert (await kept(workshop, building)).answer is None


async def test_the_form_may_be_sent_nowhere_else(workshop: Workshop, building: UUID) -> None:
    policy = "Content-Security-Policy"
    plain = await workshop.http.get(path_of(workshop, building))
    assert "form-action 'none'" in plain.headers[policy]
    await ask(workshop, building, "¿Qué idioma?")
    asked = await workshop.http.get(path_of(workshop, building))
    assert "form-action 'self'" in asked.headers[policy]
    assert "script-src 'self';" in asked.headers[policy]
    assert "unsafe" not in asked.headers[policy]
