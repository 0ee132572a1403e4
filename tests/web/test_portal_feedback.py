"""Problems and ratings that a client sends from their page, and what the staff sees of them."""

from datetime import timedelta
from html import unescape
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, text
from sqlmodel import col

from axon_factory.db.tables import OrderProblem, OrderRating, OutboxMessage
from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.portal import link_of
from tests.support.workshop import Workshop

HOSTILE = "</textarea><script>alert('1')</script>\"><img src=x onerror=alert(2)>"


@pytest.fixture
async def delivered(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.ENTREGADO)


async def report(workshop: Workshop, order_id: UUID, said: str) -> httpx2.Response:
    path = f"{link_of(workshop, order_id)}/problema"
    return await workshop.http.post(path, data={"descripcion": said})


async def rate(workshop: Workshop, order_id: UUID, **fields: str) -> httpx2.Response:
    path = f"{link_of(workshop, order_id)}/calificacion"
    return await workshop.http.post(path, data=fields)


async def problems(
    workshop: Workshop, order_id: UUID, by: str = "operator"
) -> list[dict[str, object]]:
    answer = await workshop.http.get(
        f"/api/orders/{order_id}/problems", headers=workshop.headers[by]
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["problemas"]


async def mails_about(workshop: Workshop, order_id: UUID) -> list[tuple[str, str]]:
    query = select(OutboxMessage).where(
        col(OutboxMessage.order_id) == order_id, col(OutboxMessage.event).is_(None)
    )
    async with workshop.container.database.reading() as session:
        found = await session.scalars(query)
        return [(mail.recipient, mail.body) for mail in found if "reporta" in mail.subject]


async def test_a_problem_reaches_the_staff_and_is_closed_by_them(
    workshop: Workshop, delivered: UUID
) -> None:
    link = link_of(workshop, delivered)
    page = await workshop.http.get(f"{link}/problema")
    assert page.status_code == 200
    assert "Cuéntanos qué pasa" in page.text
    sent = await report(workshop, delivered, " No contesta.\r\nDesde ayer. ")
    assert (sent.status_code, sent.headers["Location"]) == (303, f"{link}?aviso=problema")
    thanks = (await workshop.http.get(sent.headers["Location"])).text
    assert "Recibimos tu reporte" in thanks
    assert "Estamos viendo lo que nos reportaste" in thanks
    (problem,) = await problems(workshop, delivered)
    assert problem["descripcion"] == "No contesta.\nDesde ayer."
    assert (problem["estado"], problem["reportado_por"]) == ("abierto", "Cliente")
    told = await mails_about(workshop, delivered)
    policy = workshop.container.policy
    assert {recipient for recipient, _ in told} == {policy.support_email, policy.approver_email}
    order = await workshop.order(delivered)
    assert all("> No contesta." in body for _, body in told)
    assert all(f"/app/ordenes/{order.order_number}" in body for _, body in told)
    for _ in range(2):
        closed = await workshop.http.post(
            f"/api/orders/{delivered}/problems/1/close", headers=workshop.headers["operator"]
        )
        assert (closed.status_code, closed.json()["estado"]) == (200, "cerrado")
    assert "Estamos viendo" not in (await workshop.http.get(link)).text
    async with workshop.container.database.reading() as session:
        kinds = await session.scalars(
            text(
                "SELECT kind FROM order_events WHERE order_id = :id AND kind LIKE 'portal.%' "
                "ORDER BY seq"
            ),
            {"id": delivered},
        )
        assert list(kinds) == ["portal.problema_reportado", "portal.problema_cerrado"]


async def test_a_second_click_is_the_same_report(workshop: Workshop, delivered: UUID) -> None:
    for _ in range(3):
        assert (await report(workshop, delivered, "No abre")).status_code == 303
    assert len(await problems(workshop, delivered)) == 1
    assert len(await mails_about(workshop, delivered)) == 2


async def test_reports_are_few(workshop: Workshop, delivered: UUID) -> None:
    for number in range(5):
        assert (await report(workshop, delivered, f"Falla {number}")).status_code == 303
    refused = await report(workshop, delivered, "Falla de nuevo")
    assert refused.status_code == 429
    assert "Ya recibimos varios reportes" in refused.text
    assert "Falla de nuevo" in refused.text  # what was typed is not lost
    older = text("UPDATE order_problems SET reported_at = reported_at - :by WHERE order_id = :id")
    async with workshop.container.database.transaction("test") as session:
        await session.execute(older, {"by": timedelta(hours=1), "id": delivered})
    assert (await report(workshop, delivered, "Falla de nuevo")).status_code == 303


@pytest.mark.parametrize("said", ["", "  ", "x" * 4001, "nul\x00"])
async def test_what_is_no_report_is_said_at_the_field(
    workshop: Workshop, delivered: UUID, said: str
) -> None:
    answer = await report(workshop, delivered, said)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert await problems(workshop, delivered) == []


async def test_hostile_words_are_text(workshop: Workshop, delivered: UUID) -> None:
    answer = await report(workshop, delivered, HOSTILE + "x" * 4000)
    assert answer.text.count("<script") == answer.text.count("<script defer src=") == 1
    assert "<img" not in answer.text
    assert HOSTILE in unescape(answer.text)


async def test_clients_may_not_close_and_others_may_not_read(
    workshop: Workshop, delivered: UUID
) -> None:
    path = f"/api/orders/{delivered}/problems"
    owner, other = workshop.headers["owner"], workshop.headers["other"]
    sent = await workshop.http.post(path, json={"descripcion": "No abre"}, headers=owner)
    assert sent.status_code == 201
    assert sent.json()["reportado_por"] == "Cliente"
    assert (await workshop.http.post(f"{path}/1/close", headers=owner)).status_code == 403
    assert (await workshop.http.get(path, headers=other)).status_code == 404
    assert (
        await workshop.http.post(path, json={"descripcion": "x"}, headers=other)
    ).status_code == 404


async def test_a_rating_is_kept_once_said(workshop: Workshop, delivered: UUID) -> None:
    link = link_of(workshop, delivered)
    assert "¿Cómo te fue?" in (await workshop.http.get(link)).text
    sent = await rate(workshop, delivered, calificacion="4", comentario="Rápido")
    assert sent.status_code == 303
    page = (await workshop.http.get(sent.headers["Location"])).text
    assert "Gracias por decirnos" in page
    assert "4: Muy bien" in page
    answer = await workshop.http.get(
        f"/api/orders/{delivered}/rating", headers=workshop.headers["operator"]
    )
    assert (answer.json()["calificacion"], answer.json()["comentario"]) == (4, "Rápido")


@pytest.mark.parametrize("score", ["", "0", "6", "cinco", "4.5", "-1"])
async def test_what_is_no_score_is_refused(workshop: Workshop, delivered: UUID, score: str) -> None:
    answer = await rate(workshop, delivered, calificacion=score)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


async def test_only_what_is_delivered_is_rated(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    assert "calificacion" not in (await workshop.http.get(link_of(workshop, order_id))).text
    assert (await rate(workshop, order_id, calificacion="5")).status_code == 409


async def test_an_erasure_takes_what_they_wrote(workshop: Workshop, delivered: UUID) -> None:
    assert (await report(workshop, delivered, "Soy Ana y no abre")).status_code == 303
    assert (await workshop.http.post(f"{link_of(workshop, delivered)}/codigo")).status_code == 303
    sent = await rate(workshop, delivered, calificacion="2", comentario="Firmado: Ana")
    assert sent.status_code == 303
    order = await workshop.order(delivered)
    erased = await workshop.http.post(
        f"/api/orders/{delivered}/erase",
        json={"motivo": "Lo pide el titular", "orden": order.order_number},
        headers=workshop.headers["admin"],
    )
    assert erased.status_code == 200, erased.text
    async with workshop.container.database.reading() as session:
        assert await session.get(OrderProblem, (delivered, 1)) is None
        codes = text("SELECT count(*) FROM portal_codes WHERE order_id = :id")
        assert await session.scalar(codes, {"id": delivered}) == 0
        rating = await session.get_one(OrderRating, delivered)
        assert (rating.score, rating.comment) == (2, "")
    for part in ("problema", "codigo", "calificacion"):
        answer = await workshop.http.post(
            f"{link_of(workshop, delivered)}/{part}", data={"descripcion": "x", "calificacion": "3"}
        )
        assert answer.status_code in {404, 410}
