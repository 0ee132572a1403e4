"""Destinations and the delivery log over the API, as an administrator keeps them."""

from base64 import b64decode
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.domain.states import OrderState
from tests.support.destinations import make_destination
from tests.support.workshop import Workshop

DESTINATIONS = "/api/notifications/destinations"
DELIVERIES = "/api/notifications/deliveries"
URL = "https://crm.example/avisos?clave=canario-direccion"

Json = Any


def new(**changes: Json) -> dict[str, Json]:
    return {"canal": "webhook", "nombre": f"crm-{uuid4().hex[:8]}", "url": URL, **changes}


async def ask(
    workshop: Workshop, method: str, path: str, body: Json = None, **headers: str
) -> httpx2.Response:
    sent = {**workshop.headers["admin"], **headers}
    return await workshop.http.request(method, path, json=body, headers=sent)


async def created(workshop: Workshop, **changes: Json) -> Json:
    answer = await ask(workshop, "POST", DESTINATIONS, new(**changes))
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{DESTINATIONS}/{answer.json()['id']}"
    return answer.json()


async def test_the_secret_is_shown_once_and_the_address_never(workshop: Workshop) -> None:
    made = await created(workshop, eventos=["orden.entregada"])
    secret = made["secreto"]
    assert secret.startswith("whsec_")
    assert 24 <= len(b64decode(secret.removeprefix("whsec_"))) <= 64
    one = f"{DESTINATIONS}/{made['id']}"
    answers = [
        await ask(workshop, "GET", one),
        await ask(workshop, "GET", DESTINATIONS),
        await ask(workshop, "PATCH", one, {"eventos": []}),
        await ask(workshop, "POST", f"{one}/rotate"),
        await ask(workshop, "POST", f"{one}/test"),
        await ask(workshop, "GET", DELIVERIES),
        await ask(workshop, "DELETE", one),
    ]
    for answer in answers:
        assert answer.is_success, answer.text
        assert secret not in answer.text
        assert "canario-direccion" not in answer.text
    assert answers[0].json()["host"] == "crm.example"
    rotated = answers[3].json()
    assert rotated["secreto"].startswith("whsec_")
    assert rotated["secreto_anterior_hasta"] is not None
    assert rotated["version"] == 3
    async with workshop.container.database.reading() as session:
        for table in ("notification_destinations", "outbox_messages", "audit_entries"):
            rows = await session.scalars(text(f"SELECT t::text FROM {table} AS t"))  # noqa: S608 — a name of ours
            assert not [row for row in rows if "canario-direccion" in row or "whsec_" in row]


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/",
        "https://crm.example:8443/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://user:pass@crm.example/",
        "https://crm.example/#x",
        "ftp://crm.example/",
        "https://crm.example/\r\nX: y",
        "crm.example",
    ],
)
async def test_an_address_that_cannot_be_called_is_refused_at_once(
    workshop: Workshop, url: str
) -> None:
    spanish = await ask(workshop, "POST", DESTINATIONS, new(url=url))
    english = await ask(workshop, "POST", DESTINATIONS, new(url=url), **{"Accept-Language": "en"})
    assert (spanish.status_code, english.status_code) == (400, 400)
    told = spanish.json()["details"]["url"], english.json()["details"]["url"]
    assert told[0] != told[1]
    assert url not in spanish.json()["details"]["url"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (new(canal="mail"), "canal"),
        (new(canal="fax"), "canal"),
        (new(nombre=""), "nombre"),
        (new(nombre="a\nb"), "nombre"),
        (new(eventos=["orden.inventada"]), "eventos"),
        (new(secreto="whsec_mio"), "secreto"),
    ],
)
async def test_a_destination_says_what_it_must(workshop: Workshop, body: Json, field: str) -> None:
    answer = await ask(workshop, "POST", DESTINATIONS, body)
    assert answer.status_code == 400
    assert any(name.startswith(field) for name in answer.json()["details"])


async def test_a_name_is_taken_until_its_destination_goes(workshop: Workshop) -> None:
    first, second = await created(workshop), await created(workshop)
    taken = await ask(workshop, "POST", DESTINATIONS, new(nombre=first["nombre"]))
    renamed = await ask(
        workshop, "PATCH", f"{DESTINATIONS}/{second['id']}", {"nombre": first["nombre"]}
    )
    assert [taken.json()["codigo"], renamed.json()["codigo"]] == ["destino_existente"] * 2
    await ask(workshop, "DELETE", f"{DESTINATIONS}/{first['id']}")
    await created(workshop, nombre=first["nombre"])
    for method, suffix, body in (
        ("GET", "", None),
        ("PATCH", "", {"activo": True}),
        ("DELETE", "", None),
        ("POST", "/rotate", None),
        ("POST", "/test", None),
    ):
        path = f"{DESTINATIONS}/{first['id']}{suffix}"
        assert (await ask(workshop, method, path, body)).status_code == 404


async def test_a_change_may_name_the_version_it_read(workshop: Workshop) -> None:
    path = f"{DESTINATIONS}/{(await created(workshop))['id']}"
    read = await ask(workshop, "GET", path)
    etag = read.headers["ETag"]
    assert (await ask(workshop, "GET", path, **{"If-None-Match": etag})).status_code == 304
    body = {"activo": False}
    first = await ask(workshop, "PATCH", path, body, **{"If-Match": etag})
    second = await ask(workshop, "PATCH", path, body, **{"If-Match": etag})
    assert (first.status_code, second.status_code) == (200, 412)
    assert (await ask(workshop, "PATCH", path, {})).status_code == 400


async def test_what_is_off_or_does_not_sign_says_so(workshop: Workshop) -> None:
    chat = await created(workshop, canal="slack")
    assert chat["secreto"] is None
    path = f"{DESTINATIONS}/{chat['id']}"
    assert (await ask(workshop, "POST", f"{path}/rotate")).status_code == 409
    sent = (await ask(workshop, "POST", f"{path}/test")).json()
    await ask(workshop, "PATCH", path, {"activo": False})
    assert (await ask(workshop, "POST", f"{path}/test")).status_code == 409
    again = await ask(workshop, "POST", f"{DELIVERIES}/{sent['id']}/redeliver")
    assert again.status_code == 409


async def test_the_log_is_filtered_and_paged(workshop: Workshop) -> None:
    destination_id, _ = await make_destination(workshop)
    for _ in range(4):
        await ask(workshop, "POST", f"{DESTINATIONS}/{destination_id}/test")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        place = f"&cursor={cursor}" if cursor else ""
        path = f"{DELIVERIES}?destino={destination_id}&limit=2{place}"
        page = (await ask(workshop, "GET", path)).json()
        seen += [item["id"] for item in page["deliveries"]]
        assert page["count"] == len(page["deliveries"]) <= 2
        if (cursor := page["next_cursor"]) is None:
            break
        other = await ask(workshop, "GET", f"{DELIVERIES}?cursor={cursor}")
        assert other.status_code == 400  # another list's
    assert len(seen) == len(set(seen)) == 5
    pending = await ask(workshop, "GET", f"{DELIVERIES}?estado=pendiente&destino={destination_id}")
    arrived = await ask(workshop, "GET", f"{DELIVERIES}?estado=entregada&destino={destination_id}")
    assert (pending.json()["count"], arrived.json()["count"]) == (5, 0)
    detail = (await ask(workshop, "GET", f"{DELIVERIES}/{seen[0]}")).json()
    assert (detail["evento"], detail["detalle_intentos"]) == ("prueba", [])


async def test_the_mails_of_an_order_are_in_the_log(workshop: Workshop) -> None:
    order_id = await workshop.placed_in(OrderState.PLANIFICACION)
    number = (await workshop.order(order_id)).order_number
    for reference in (str(order_id), number):
        page = (await ask(workshop, "GET", f"{DELIVERIES}?orden={reference}")).json()
        mail = next(item for item in page["deliveries"] if item["canal"] == "mail")
        assert (mail["order_number"], mail["evento"]) == (number, "plan.pendiente")
        assert mail["destino"] is None
        assert "@" in mail["destinatario"]
    assert (await ask(workshop, "GET", f"{DELIVERIES}?orden=ORD-2001-001")).status_code == 404
