"""Credentials on the client's page: a mailed code, once, and nothing for who has only the link."""

import asyncio
import re
from datetime import timedelta
from html import unescape
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, text
from sqlmodel import col

from axon_factory.db.tables import AuditRow, OrderCredential, PortalCode
from axon_factory.domain.messages import ClientMail
from axon_factory.domain.states import OrderState
from axon_factory.orders.credentials import open_credentials
from tests.support.copies import order_in
from tests.support.portal import link_of, mailed_code, mailed_codes
from tests.support.workshop import Workshop

WRONG = "000000"


@pytest.fixture
async def delivered(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.ENTREGADO)


async def ask_code(workshop: Workshop, order_id: UUID) -> httpx2.Response:
    return await workshop.http.post(f"{link_of(workshop, order_id)}/codigo")


async def reveal(workshop: Workshop, order_id: UUID, code: str) -> httpx2.Response:
    path = f"{link_of(workshop, order_id)}/credenciales"
    return await workshop.http.post(path, data={"codigo": code})


async def rotate(workshop: Workshop, order_id: UUID, code: str) -> httpx2.Response:
    path = f"{link_of(workshop, order_id)}/credenciales/nuevas"
    return await workshop.http.post(path, data={"codigo": code})


async def secrets_of(workshop: Workshop, order_id: UUID) -> dict[str, str]:
    order = await workshop.order(order_id)
    async with workshop.container.database.reading() as session:
        return dict(await open_credentials(session, order, workshop.container.secret_box))


async def age_codes(workshop: Workshop, order_id: UUID, by: timedelta) -> None:
    """Let the order's codes be older, as if so much time had passed."""
    statement = text(
        "UPDATE portal_codes SET issued_at = issued_at - :by, expires_at = expires_at - :by "
        "WHERE order_id = :order_id"
    )
    async with workshop.container.database.transaction("test") as session:
        await session.execute(statement, {"by": by, "order_id": order_id})


def another(code: str) -> str:
    return WRONG if code != WRONG else "000001"


async def test_a_mailed_code_shows_the_credentials_once(
    workshop: Workshop, delivered: UUID
) -> None:
    link, values = link_of(workshop, delivered), await secrets_of(workshop, delivered)
    before = await workshop.http.get(link)
    assert "Mandarme un código" in before.text
    assert "c•••@empresa.com" in before.text
    assert "contacto@empresa.com" not in before.text
    sent = await ask_code(workshop, delivered)
    assert (sent.status_code, sent.headers["Location"]) == (
        303,
        f"{link}?aviso=codigo#credenciales",
    )
    asking = await workshop.http.get(f"{link}?aviso=codigo")
    assert "Te mandamos un código por correo." in asking.text
    assert 'autocomplete="one-time-code"' in asking.text
    code = await mailed_code(workshop, delivered)
    shown = await reveal(workshop, delivered, f" {code[:3]} {code[3:]} ")
    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "no-store"
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    page = unescape(shown.text)
    assert all(value in page for value in values.values())
    assert "Guárdalas ahora." in page
    again = await reveal(workshop, delivered, code)
    assert again.status_code == 400
    assert "Ese código ya no sirve" in again.text
    for page in (again.text, (await workshop.http.get(link)).text):
        assert not any(value in page for value in values.values() if "@" not in value)
    async with workshop.container.database.reading() as session:
        entries = await session.execute(
            select(col(AuditRow.action), col(AuditRow.outcome), col(AuditRow.actor))
            .where(col(AuditRow.chain) == str(delivered), col(AuditRow.actor) == "portal")
            .order_by(col(AuditRow.position))
        )
        assert [tuple(entry) for entry in entries] == [
            ("orders:reveal_credentials", "ok", "portal"),
            ("orders:reveal_credentials", "ok", "portal"),
            ("orders:reveal_credentials", "denied", "portal"),
        ]


async def test_only_a_mac_of_the_code_is_kept(workshop: Workshop, delivered: UUID) -> None:
    await ask_code(workshop, delivered)
    code = await mailed_code(workshop, delivered)
    async with workshop.container.database.reading() as session:
        row = await session.get_one(PortalCode, (delivered, 1))
    assert len(row.mac) == 32
    assert code.encode() not in row.mac
    links = workshop.container.portal_links
    assert row.mac == links.code_mac(delivered, 1, "contacto@empresa.com", code)


async def test_a_wrong_code_shows_nothing_and_five_end_the_right_one(
    workshop: Workshop, delivered: UUID
) -> None:
    await ask_code(workshop, delivered)
    code = await mailed_code(workshop, delivered)
    values = await secrets_of(workshop, delivered)
    for number in range(5):
        answer = await reveal(workshop, delivered, another(code))
        assert answer.status_code == 400
        ended = number == 4
        assert ("no coincide" in answer.text) != ended
    right = await reveal(workshop, delivered, code)
    assert right.status_code == 400
    assert not any(value in right.text for value in values.values() if "@" not in value)
    async with workshop.container.database.reading() as session:
        rows = await session.scalars(
            select(OrderCredential).where(col(OrderCredential.order_id) == delivered)
        )
        assert all(row.revealed_at is None for row in rows)


async def test_who_tries_many_at_once_has_no_more_tries(
    workshop: Workshop, delivered: UUID
) -> None:
    await ask_code(workshop, delivered)
    code = await mailed_code(workshop, delivered)
    wrong = [f"{(int(code) + number) % 10**6:06}" for number in range(1, 13)]
    answers = await asyncio.gather(*(reveal(workshop, delivered, one) for one in wrong))
    assert {answer.status_code for answer in answers} == {400}
    async with workshop.container.database.reading() as session:
        assert (await session.get_one(PortalCode, (delivered, 1))).tries == 5
    assert (await reveal(workshop, delivered, code)).status_code == 400


@pytest.mark.parametrize("typed", ["", "  ", "٠١٢٣٤٥", "x" * 5000, "12345", "1234567", "\x00"])
async def test_what_is_no_code_is_a_wrong_one(
    workshop: Workshop, delivered: UUID, typed: str
) -> None:
    await ask_code(workshop, delivered)
    assert (await reveal(workshop, delivered, typed)).status_code == 400


async def test_a_code_serves_for_ten_minutes(workshop: Workshop, delivered: UUID) -> None:
    await ask_code(workshop, delivered)
    code = await mailed_code(workshop, delivered)
    await age_codes(workshop, delivered, timedelta(minutes=10))
    answer = await reveal(workshop, delivered, code)
    assert answer.status_code == 400
    assert "ya venció" in answer.text


async def test_without_a_code_asked_for_there_is_none(workshop: Workshop, delivered: UUID) -> None:
    answer = await reveal(workshop, delivered, "123456")
    assert answer.status_code == 400
    assert "Primero pide un código" in answer.text


async def test_another_orders_code_is_none(workshop: Workshop, delivered: UUID) -> None:
    other = await order_in(workshop, OrderState.ENTREGADO)
    await ask_code(workshop, other)
    await ask_code(workshop, delivered)
    foreign, own = await mailed_code(workshop, other), await mailed_code(workshop, delivered)
    if foreign != own:
        assert (await reveal(workshop, delivered, foreign)).status_code == 400
    assert (await reveal(workshop, delivered, own)).status_code == 200


async def test_a_newer_code_ends_the_one_before(workshop: Workshop, delivered: UUID) -> None:
    await ask_code(workshop, delivered)
    await age_codes(workshop, delivered, timedelta(minutes=1))
    await ask_code(workshop, delivered)
    first, second = await mailed_codes(workshop, delivered)
    if first != second:
        assert (await reveal(workshop, delivered, first)).status_code == 400
    assert (await reveal(workshop, delivered, second)).status_code == 200


async def test_a_second_click_sends_no_second_mail(workshop: Workshop, delivered: UUID) -> None:
    assert [(await ask_code(workshop, delivered)).status_code for _ in range(3)] == [303, 303, 303]
    assert len(await mailed_codes(workshop, delivered)) == 1


async def test_codes_are_few(workshop: Workshop, delivered: UUID) -> None:
    for _ in range(3):
        assert (await ask_code(workshop, delivered)).status_code == 303
        await age_codes(workshop, delivered, timedelta(minutes=1))
    refused = await ask_code(workshop, delivered)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60
    assert "Ya te mandamos varios códigos" in refused.text
    assert len(await mailed_codes(workshop, delivered)) == 3
    for _ in range(7):
        await age_codes(workshop, delivered, timedelta(minutes=20))
        assert (await ask_code(workshop, delivered)).status_code == 303
    await age_codes(workshop, delivered, timedelta(hours=1))
    assert (await ask_code(workshop, delivered)).status_code == 429  # of the day


async def test_a_corrected_address_voids_what_the_wrong_one_got(
    workshop: Workshop, delivered: UUID
) -> None:
    await ask_code(workshop, delivered)
    code = await mailed_code(workshop, delivered)
    statement = text(
        'UPDATE orders SET datos_cliente = datos_cliente || \'{"email": "nueva@empresa.com"}\' '
        "WHERE id = :order_id"
    )
    async with workshop.container.database.transaction("test") as session:
        await session.execute(statement, {"order_id": delivered})
    assert (await reveal(workshop, delivered, code)).status_code == 400


@pytest.mark.parametrize("state", [state for state in OrderState if state != "entregado"])
async def test_before_the_delivery_no_code_is_sent(workshop: Workshop, state: OrderState) -> None:
    order_id = await order_in(workshop, state)
    page = (await workshop.http.get(link_of(workshop, order_id))).text
    assert "/codigo" not in page
    assert (await ask_code(workshop, order_id)).status_code == 409
    assert await mailed_codes(workshop, order_id) == []


async def test_new_credentials_need_a_code_too(workshop: Workshop, delivered: UUID) -> None:
    before = await secrets_of(workshop, delivered)
    await ask_code(workshop, delivered)
    assert (await rotate(workshop, delivered, "12345")).status_code == 400
    assert await secrets_of(workshop, delivered) == before
    code = await mailed_code(workshop, delivered)
    answer = await rotate(workshop, delivered, code)
    assert answer.status_code == 303
    after = await secrets_of(workshop, delivered)
    assert {name for name in after if after[name] == before[name]} == {"admin_email"}
    page = (await workshop.http.get(link_of(workshop, delivered))).text
    assert "se están poniendo en servicio" in page


async def test_a_revoked_link_sends_and_shows_nothing(workshop: Workshop, delivered: UUID) -> None:
    await ask_code(workshop, delivered)
    code = await mailed_code(workshop, delivered)
    ended = await workshop.http.delete(
        f"/api/orders/{delivered}/portal-links/1", headers=workshop.headers["admin"]
    )
    assert ended.status_code == 200
    assert (await ask_code(workshop, delivered)).status_code == 410
    assert (await reveal(workshop, delivered, code)).status_code == 410
    assert (await rotate(workshop, delivered, code)).status_code == 410


async def test_what_was_shown_has_no_address_of_its_own(
    workshop: Workshop, delivered: UUID
) -> None:
    link = link_of(workshop, delivered)
    answer = await workshop.http.get(f"{link}/credenciales")
    assert (answer.status_code, answer.headers["Location"]) == (303, link)


async def test_a_wrong_token_is_none(workshop: Workshop, delivered: UUID) -> None:
    wrong = f"{link_of(workshop, delivered)}x"
    for part in ("codigo", "credenciales", "credenciales/nuevas"):
        answer = await workshop.http.post(f"{wrong}/{part}", data={"codigo": "123456"})
        assert answer.status_code == 404
    assert await mailed_codes(workshop, delivered) == []


@pytest.mark.parametrize(("language", "word"), [("es", "tu código"), ("en", "your code")])
async def test_the_mail_speaks_the_orders_language(
    workshop: Workshop, language: str, word: str
) -> None:
    client = {
        "nombre": "Ana",
        "email": "ana@example.com",
        "configuracion": {"idioma": language},
    }
    order_id = await order_in(workshop, OrderState.ENTREGADO, datos_cliente=client)
    await ask_code(workshop, order_id)
    async with workshop.container.database.reading() as session:
        row = await session.execute(
            text(
                "SELECT subject, body, html FROM outbox_messages WHERE event = :event "
                "AND order_id = :order_id"
            ),
            {"event": ClientMail.CODIGO.event, "order_id": order_id},
        )
        subject, body, html = row.one()
    assert word in subject.lower()
    code = await mailed_code(workshop, order_id)
    assert code not in subject
    assert code in body
    assert code in html
    assert not re.search(r"/portal/", body)  # the code and the link never travel together
