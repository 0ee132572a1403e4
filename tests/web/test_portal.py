"""The client's page behind its link: their order, their links, nothing else."""

import re
from html import unescape
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx2
import pytest

from axon_factory.domain.states import OrderState
from axon_factory.orders.credentials import open_credentials
from tests.support.copies import order_in
from tests.support.ports import PRODUCT_URL
from tests.support.workshop import Workshop

HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(2)>"
INTERNAL = ("Review Council", "Super Axon", "Ops Agent", "Builder Agent", "intento", "qa")


async def page_of(workshop: Workshop, order_id: UUID) -> httpx2.Response:
    path = urlsplit(workshop.container.portal_links.url(order_id)).path
    return await workshop.http.get(path)


@pytest.fixture(scope="module")
async def delivered(workshop: Workshop) -> UUID:
    order_id = await order_in(
        workshop, OrderState.LISTO, notas_internas="canario", nombre_producto="Bot de Ana"
    )
    await workshop.patch(order_id, estado="entregado")
    return order_id


async def test_delivered_order_shows_its_links(workshop: Workshop, delivered: UUID) -> None:
    answer = await page_of(workshop, delivered)
    order = await workshop.order(delivered)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    text = unescape(answer.text)
    assert order.order_number in text
    assert "Bot de Ana" in text
    links = set(re.findall(r'href="([^"]+)"', text))
    assert {PRODUCT_URL, f"{PRODUCT_URL}/admin"} <= links
    assert f"mailto:support@axon88.com?subject={order.order_number}" in links
    assert f"{PRODUCT_URL}/webhooks/whatsapp" in text


async def test_page_has_no_secret_and_no_internal_name(workshop: Workshop, delivered: UUID) -> None:
    text = unescape((await page_of(workshop, delivered)).text)
    order = await workshop.order(delivered)
    async with workshop.container.database.reading() as session:
        secrets = await open_credentials(session, order, workshop.container.secret_box)
    assert len(secrets) == 4
    body = text.partition("<body>")[2]
    assert "Bot de Ana" in body
    for value in (*secrets.values(), "canario", *INTERNAL, str(delivered)):
        assert not re.search(rf"\b{re.escape(value)}\b", body), value


@pytest.mark.parametrize("state", [state for state in OrderState if state != "entregado"])
async def test_links_wait_for_the_delivery(workshop: Workshop, state: OrderState) -> None:
    answer = await page_of(workshop, await order_in(workshop, state))
    assert answer.status_code == 200
    assert PRODUCT_URL not in answer.text


async def test_page_is_locked_down(workshop: Workshop, delivered: UUID) -> None:
    headers = (await page_of(workshop, delivered)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_hostile_names_are_text(workshop: Workshop) -> None:
    order_id = await workshop.place(
        nombre_producto=HOSTILE, datos_cliente={"nombre": HOSTILE, "email": "a@example.com"}
    )
    text = (await page_of(workshop, order_id)).text
    assert text.count("<script") == text.count('<script defer src="/static/portal.js') == 1
    assert "<img" not in text
    assert unescape(text).count(HOSTILE) >= 2


async def test_other_tokens_are_none(workshop: Workshop, delivered: UUID) -> None:
    token = workshop.container.portal_links.url(delivered).rpartition("/")[2]
    altered = [
        ("B" if token[index] == "A" else "A").join((token[:index], token[index + 1 :]))
        for index in range(len(token) - 1)
    ]
    unknown = workshop.container.portal_links.url(uuid4()).rpartition("/")[2]
    for wrong in (*altered, token[:-1], token + "A", str(delivered), "x", "%00", "ñ", unknown):
        answer = await workshop.http.get(f"/portal/{wrong}")
        assert answer.status_code == 404, wrong
        assert "Bot de Ana" not in answer.text
