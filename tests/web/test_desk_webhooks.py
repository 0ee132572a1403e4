"""Destinations of notifications, and deliveries with their tries."""

import re
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.support.pages import Browser, signed_in
from tests.support.workshop import Workshop

PATH = "/app/avisos"
SENT = f"{PATH}/entregas"
HOSTILE = "<b>crm</b>"
URL = "https://93.184.216.34/avisos/secreto-en-la-ruta"
API = "/api/notifications/destinations"


@pytest.fixture
async def admin(workshop: Workshop) -> Browser:
    return await signed_in(workshop)


@pytest.fixture
async def destination(workshop: Workshop) -> dict[str, Any]:
    answer = await workshop.http.post(
        API,
        json={"canal": "webhook", "nombre": f"crm {uuid4().hex[:6]}", "url": URL},
        headers=workshop.headers["admin"],
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def now(workshop: Workshop, id: str) -> dict[str, Any]:
    return (await workshop.http.get(f"{API}/{id}", headers=workshop.headers["admin"])).json()


async def test_a_webhook_is_made_and_its_secret_shown_once(
    workshop: Workshop, admin: Browser
) -> None:
    name = f"{HOSTILE} {uuid4().hex[:6]}"
    await admin.see(f"{PATH}/nuevo")
    assert "El plan espera aprobación" in admin.words
    assert "plan.pendiente" not in admin.words
    shown = await admin.send(
        f"{PATH}/nuevo",
        canal="webhook",
        nombre=name,
        url=URL,
        eventos=["plan.pendiente", "orden.entregada"],
        clientes="savia, otro",
    )
    assert shown.status_code == 200
    found = re.search(r'id="secreto">(whsec_\S+?)</code>', shown.text)
    assert found
    listed = await admin.see(PATH)
    assert name in admin.words
    assert HOSTILE not in listed.text
    assert "secreto-en-la-ruta" not in listed.text
    assert found[1] not in listed.text
    answer = await workshop.http.get(API, headers=workshop.headers["admin"])
    made = next(one for one in answer.json()["destinations"] if one["nombre"] == name)
    assert set(made["eventos"]) == {"plan.pendiente", "orden.entregada"}
    assert set(made["clientes"]) == {"savia", "otro"}


async def test_what_is_wrong_stands_at_its_field(
    admin: Browser, destination: dict[str, Any]
) -> None:
    await admin.see(f"{PATH}/nuevo")
    refused = await admin.send(
        f"{PATH}/nuevo", canal="webhook", nombre="x", url="http://localhost/avisos"
    )
    assert refused.status_code == 400
    assert 'id="url-error"' in refused.text
    taken = await admin.send(
        f"{PATH}/nuevo", canal="webhook", nombre=destination["nombre"], url=URL
    )
    assert taken.status_code == 409
    assert 'id="nombre-error"' in taken.text


async def test_events_and_name_change(
    workshop: Workshop, admin: Browser, destination: dict[str, Any]
) -> None:
    page = f"{PATH}/{destination['id']}"
    await admin.see(page)
    stale = admin.form(page)
    await admin.send(page, nombre="otro nombre", eventos=["linea.pausada"])
    assert "El destino cambió" in admin.words
    changed = await now(workshop, destination["id"])
    assert (changed["nombre"], changed["eventos"]) == ("otro nombre", ["linea.pausada"])
    assert admin.form(page)["eventos"] == "linea.pausada"
    late = await admin.http.post(page, data=stale | {"_clave": uuid4().hex})
    assert late.status_code == 412


async def test_pause_and_go_on(
    workshop: Workshop, admin: Browser, destination: dict[str, Any]
) -> None:
    page = f"{PATH}/{destination['id']}"
    await admin.see(page)
    await admin.send(f"{page}/actividad")
    assert "El destino está en pausa" in admin.words
    assert not (await now(workshop, destination["id"]))["activo"]
    await admin.send(f"{page}/actividad")
    assert (await now(workshop, destination["id"]))["activo"]


async def test_another_secret(admin: Browser, destination: dict[str, Any]) -> None:
    page = f"{PATH}/{destination['id']}/rotar"
    await admin.see(page)
    shown = await admin.send(page)
    found = re.search(r'id="secreto">(whsec_\S+?)</code>', shown.text)
    assert found
    assert found[1] != destination["secreto"]


async def test_it_is_removed_after_a_question(
    workshop: Workshop, admin: Browser, destination: dict[str, Any]
) -> None:
    page = f"{PATH}/{destination['id']}/eliminar"
    await admin.see(page)
    assert "olvida su dirección" in admin.words
    await admin.send(page)
    assert "El destino se eliminó" in admin.words
    answer = await workshop.http.get(
        f"{API}/{destination['id']}", headers=workshop.headers["admin"]
    )
    assert answer.status_code == 404


async def test_a_test_shows_its_delivery_with_each_try(
    workshop: Workshop, admin: Browser, destination: dict[str, Any]
) -> None:
    await admin.see(f"{PATH}/{destination['id']}")
    await admin.send(f"{PATH}/{destination['id']}/prueba")
    assert "La prueba está en camino" in admin.words
    assert "Este es un aviso de prueba" in admin.words
    delivery = admin.page.url.path
    assert delivery.startswith(f"{SENT}/")
    async with workshop.container.database.transaction("test") as session:
        message = {"id": delivery.rpartition("/")[2]}
        await session.execute(
            text(
                "INSERT INTO outbox_attempts (message_id, number, started_at, duration_ms, "
                "delivered, status, error) VALUES (:id, 1, now(), 183, false, 503, :error)"
            ),
            message | {"error": f"Respondió 503 {HOSTILE}"},
        )
        await session.execute(
            text("UPDATE outbox_messages SET given_up_at = now(), attempts = 1 WHERE id = :id"),
            message,
        )
    shown = await admin.see(delivery)
    assert "Se abandonó" in admin.words
    assert f"Respondió 503 {HOSTILE}" in admin.words
    assert HOSTILE not in shown.text
    await admin.see(f"{SENT}?estado=abandonada&destino={destination['id']}")
    assert destination["nombre"] in admin.words
    await admin.see(PATH)
    assert "abandon" in admin.words

    await admin.see(delivery)
    await admin.send(f"{delivery}/reenvio")
    assert "Se envía de nuevo ahora" in admin.words
    assert "En camino" in admin.words


async def test_filters_say_what_is_wrong(admin: Browser) -> None:
    assert (await admin.see(f"{SENT}?orden=ORD-1999-001")).status_code == 404
    assert (await admin.see(f"{SENT}?estado=rota")).status_code == 400
    assert (await admin.see(f"{SENT}?cursor=x")).status_code == 400


async def test_only_administrators(workshop: Workshop) -> None:
    for name in ("operator", "owner"):
        browser = await signed_in(workshop, name)
        for path in (PATH, SENT, f"{PATH}/nuevo"):
            assert (await browser.see(path)).status_code == 403


async def test_it_speaks_english(workshop: Workshop) -> None:
    admin = await signed_in(workshop, language="en")
    await admin.see(f"{PATH}/nuevo")
    assert "The plan waits for approval" in admin.words
    assert "avisos" not in admin.words
