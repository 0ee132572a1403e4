"""The audit trail's page: entries in words, filters in the address, paging, the check."""

import re

import pytest

from axon_factory.domain.audit import AccessEvent
from axon_factory.domain.permissions import Action
from axon_factory.domain.states import OrderState
from axon_factory.web.audit_words import ACTIONS
from tests.support.copies import order_in
from tests.support.pages import Browser, signed_in
from tests.support.workshop import Workshop

PATH = "/app/auditoria"
CHECK = f"{PATH}/comprobacion"


@pytest.fixture
async def admin(workshop: Workshop) -> Browser:
    return await signed_in(workshop)


def test_everything_that_is_recorded_has_words() -> None:
    assert ACTIONS.keys() == {*Action, *AccessEvent}


async def test_an_entry_says_who_did_what_to_what(workshop: Workshop, admin: Browser) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    number = (await workshop.order(order_id)).order_number
    reason = {"motivo": "<b>Porque sí</b>"}
    answer = await workshop.http.post(
        f"/api/orders/{order_id}/cancel", json=reason, headers=workshop.headers["admin"]
    )
    assert answer.status_code == 200, answer.text
    page = await admin.see(f"{PATH}?orden={number}")
    assert "Canceló la orden" in admin.words
    assert f'href="/app/ordenes/{number}"' in page.text
    assert "orders:cancel" not in admin.words
    assert "127.0.0.1" in admin.words


async def test_filters_stand_in_the_address(workshop: Workshop, admin: Browser) -> None:
    await workshop.http.get("/api/audit", headers=workshop.headers["operator"])
    await admin.see(f"{PATH}?resultado=denied&accion=access:audit")
    assert "no tenía permiso" in admin.words
    assert 'value="denied" selected' in admin.page.text
    rows = admin.page.text.partition("<tbody>")[2]
    assert "Leer la auditoría" in rows
    assert not re.search(r"<td><span class=\"name\">(?!Leer la auditoría)", rows)

    await admin.see(f"{PATH}?desde=2020-01-01&hasta=2020-01-02")
    assert "Ninguna entrada es así" in admin.words


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("desde=ayer", 400),
        ("hasta=2026-13-01", 400),
        ("orden=ORD-1999-001", 404),
        ("resultado=quizas", 400),
        ("antes=x", 400),
    ],
)
async def test_a_wrong_filter_is_said(admin: Browser, query: str, status: int) -> None:
    page = await admin.see(f"{PATH}?{query}")
    assert page.status_code == status
    assert "err" in page.text or 'role="alert"' in page.text
    assert "<tbody>" not in page.text


async def test_pages_follow_one_another(workshop: Workshop, admin: Browser) -> None:
    for _ in range(60):
        answer = await workshop.http.get("/api/users", headers=workshop.headers["operator"])
        assert answer.status_code == 403
    first = await admin.see(f"{PATH}?resultado=denied")
    following = re.search(r'href="([^"]+)" rel="next"', first.text)
    assert following
    address = following[1].replace("&amp;", "&")
    assert "resultado=denied" in address
    second = await admin.see(address)
    assert second.status_code == 200
    assert "no tenía permiso" in admin.words


async def test_the_trail_is_checked(admin: Browser) -> None:
    await admin.see(CHECK)
    assert "La auditoría se sostiene" in admin.words
    assert "Punto de control" in admin.words


async def test_only_administrators(workshop: Workshop) -> None:
    for name in ("operator", "owner"):
        browser = await signed_in(workshop, name)
        for path in (PATH, CHECK):
            assert (await browser.see(path)).status_code == 403


async def test_it_speaks_english(workshop: Workshop) -> None:
    admin = await signed_in(workshop, language="en")
    await admin.see(PATH)
    assert "From where" in admin.words
    assert "Quién" not in admin.words
