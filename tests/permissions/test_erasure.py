"""An order whose every personal value is a canary lives fully and is erased: no canary is left.

Its plan comes from a model, its client answers a question in the portal, an agent reports, mails
and notifications leave. Then the database, the data folder and every answer are searched.
"""

import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
import pytest

from axon_factory.adapters.mailer import MaildirMailer
from axon_factory.api.routes import declared_routes
from axon_factory.bootstrap.application import application_of
from axon_factory.db.audit import cut, verify_audit
from axon_factory.db.tables import Order
from axon_factory.domain.states import OrderState
from axon_factory.orders.lists.counts import fold
from axon_factory.orders.notifications.outbox import post_message
from axon_factory.ports.messages import Mail
from tests.support.canary_orders import (
    CLIENT,
    EMAIL,
    MARK,
    MARKS,
    NAME,
    Living,
    dump,
    files,
    held,
    open_living,
)
from tests.support.pages import is_page
from tests.support.products import make_product
from tests.support.workshop import OWNER_ID

ELSEWHERE = {
    "/api/orders/stream": "the same events; it does not end",
    "/api/orders/{id}/stream": "the same events; it does not end",
    "/git/{slug}.git/{path}": "the repository is gone",
    "/static/{name}": "installed files",
    "/portal/{token}": "asked below",
    "/cuenta/enlace/{token}": "a link of an account names no order",
    "/portal/{token}/credenciales": "it leads back to the page",
    "/portal/{token}/problema": "the same as the page",
    "/portal/ordenes/{number}": "the order is no client's any more",
    "/portal/ordenes/{number}/credenciales": "it leads back to the page",
    "/portal/ordenes/{number}/problema": "the order is no client's any more",
}


@pytest.fixture(scope="module")
async def living(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Living]:
    async with open_living(module_database_url, tmp_path_factory.mktemp("erasure")) as opened:
        yield opened


async def place(living: Living) -> UUID:
    """Place an order of canaries and have its plan rejected once, then approved."""
    order = {
        "tipo_producto": "autopilot_whatsapp",
        "nombre_producto": f"Bot de {NAME}",
        "cliente_id": OWNER_ID,
        "datos_cliente": CLIENT,
        "notas_internas": f"{MARK}-notas",
        "tags": [f"{MARK}-etiqueta"],
    }
    answer = await living.workshop.http.post(
        "/api/orders", json=order, headers=living.workshop.headers["admin"]
    )
    assert answer.status_code == 201, answer.text
    order_id = UUID(answer.json()["id"])
    slug = (await living.workshop.order(order_id)).slug
    make_product(living.folder / "products" / slug, {"docs/cliente.md": f"{MARK}-producto\n"})
    for act in ("reject", "approve"):
        await living.drive(order_id)
        row = await living.workshop.order(order_id)
        assert row.plan_estado == "pendiente_aprobacion", row.fallo
        read = {"plan_version": row.plan_version, "plan_hash": row.plan_hash}
        body = {**read, "motivo": f"{MARK}-{act}"}
        await living.ask("POST", f"/api/orders/{order_id}/{act}", body)
    return order_id


async def report(living: Living, order_id: UUID) -> None:
    """An agent reports, the team asks, the client answers in the portal."""
    path = f"/api/orders/{order_id}"
    token = await living.workshop.attempt_token(order_id)
    entry = {
        "mensaje": f"{MARK}-entrada",
        "agente": "QA Agent",
        "timestamp": "2025-11-14T10:00:00Z",
        "metadata": {"estado_nuevo": f"{MARK}-dato"},
    }
    body = {"logs": [entry], "asignado_a": "QA Agent", "session_id": f"{MARK}-sesion"}
    answer = await living.workshop.http.patch(path, json=body, headers=token)
    assert answer.status_code == 200, answer.text
    question = {
        "pregunta": f"¿{MARK}-pregunta?",
        "destinatario": "cliente",
        "clave": f"{MARK}-clave",
    }
    await living.ask("POST", f"{path}/preguntas", question, status=201)
    link = urlsplit(living.workshop.container.policy.portal_url(order_id)).path
    said = {"respuesta": f"{MARK}-respuesta"}
    answer = await living.workshop.http.post(f"{link}/preguntas/1", data=said)
    assert answer.status_code == 303, answer.text
    problem = {"descripcion": f"{MARK}-problema"}
    answer = await living.workshop.http.post(f"{link}/problema", data=problem)
    assert answer.status_code == 303, answer.text
    tag = {"accion": "tag", "ids": [str(order_id)], "agregar": [f"{MARK}-otra"]}
    await living.ask("POST", "/api/orders/bulk", tag)


async def answers(living: Living, order_id: UUID) -> list[str]:
    """Return the routes whose answer to an administrator has a canary."""
    http, headers = living.workshop.http, living.workshop.headers["admin"]
    deliveries = await http.get("/api/notifications/deliveries", headers=headers)
    ids = [str(order_id), *(one["id"] for one in deliveries.json()["deliveries"][:3])]
    found: list[str] = []
    for route in declared_routes(application_of(living.workshop.container).routes):
        if "GET" not in route.methods or route.path in ELSEWHERE or is_page(route):
            continue
        for each in ids if "{id}" in route.path else ids[:1]:
            place = route.path.format(id=each, version=1, product_id="webhook_service", slug="x")
            for accept in ("*/*", "text/csv") if place == "/api/orders" else ("*/*",):
                answer = await http.get(place, headers={**headers, "Accept": accept})
                said = json.dumps(dict(answer.headers)) + answer.text.lower()
                found += [place for mark in MARKS if mark in said]
    return found


async def erase(living: Living, order_id: UUID, *, product: bool) -> httpx2.Response:
    number = (await living.workshop.order(order_id)).order_number
    body = {"motivo": "Lo pide el titular", "orden": number, "producto": product}
    path = f"/api/orders/{order_id}/erase"
    return await living.workshop.http.post(
        path, json=body, headers=living.workshop.headers["admin"]
    )


PLANTED = {
    "idempotency_keys": False,  # sealed: the rows are counted
    "model_calls": False,  # no text of a plan; an error may have one
    "order_checks": True,
    "order_credentials": True,
    "order_events": True,
    "order_plans": True,
    "order_problems": True,
    "order_questions": True,
    "listed_orders": True,
    "order_ratings": True,
    "orders": True,
    "outbox_attempts": True,
    "outbox_messages": True,
}


async def test_nothing_of_a_delivered_order_is_left(living: Living) -> None:
    order_id = await place(living)
    await living.until(order_id, OrderState.CONSTRUCCION)
    await report(living, order_id)
    await living.until(order_id, OrderState.ENTREGADO)
    path = f"/api/orders/{order_id}"
    await living.ask("POST", f"{path}/credentials/reveal", by="owner")
    rating = {"calificacion": 3, "comentario": f"{MARK}-comentario"}
    await living.ask("POST", f"{path}/rating", rating, by="owner")
    await living.send_messages()
    before = await dump(living)
    assert set(held(before)) >= {table for table, planted in PLANTED.items() if planted}
    assert str(order_id) in before["idempotency_keys"]
    assert any(name.startswith("mail/new/") for name in files(living.folder))
    link = urlsplit(living.workshop.container.policy.portal_url(order_id)).path
    assert NAME in (await living.workshop.http.get(link)).text

    answer = await erase(living, order_id, product=True)
    assert answer.status_code == 200, answer.text
    assert answer.json()["borrado_pendiente"]
    await living.drive(order_id)
    async with living.workshop.container.database.transaction("test") as session:
        while await fold(session):
            pass

    after = await dump(living)
    assert held(after) == []
    assert str(order_id) not in after["idempotency_keys"]
    assert "eventos_sha256" in after["audit_entries"]
    assert files(living.folder) == []
    assert await answers(living, order_id) == []
    shown = await living.workshop.show(order_id)
    assert shown["borrado_at"] == answer.json()["borrado_at"]
    assert not shown["borrado_pendiente"]
    assert (shown["estado"], shown["precio"]) == ("entregado", shown["precio"])
    assert shown["datos_cliente"]["nombre"] == "[borrado]"
    assert (await living.workshop.http.get(link)).status_code == 404
    hidden = await living.workshop.http.get(path, headers=living.workshop.headers["owner"])
    assert hidden.status_code == 404
    listed = await living.ask("GET", f"/api/orders?q={NAME}")
    assert listed.json()["total"] == 0
    await the_trail_holds(living)
    await nothing_is_taken(living, order_id)


async def the_trail_holds(living: Living) -> None:
    database = living.workshop.container.database
    async with database.transaction("test") as session:
        position = await cut(session)
    async with database.reading() as session:
        verified = await verify_audit(session, position)
    assert verified.entries > 0
    assert verified.holds, verified.breaks


async def nothing_is_taken(living: Living, order_id: UUID) -> None:
    """An erased order refuses writes, and being erased again changes nothing."""
    path = f"/api/orders/{order_id}"
    http, headers = living.workshop.http, living.workshop.headers["admin"]
    before = await living.workshop.order(order_id)
    for method, act, body in (
        ("PATCH", "", {"logs": [{"mensaje": "tarde"}]}),
        ("POST", "/credentials/reveal", None),
        ("POST", "/credentials/rotate", None),
        ("POST", "/retry", None),
        ("POST", "/cancel", {"motivo": "tarde"}),
    ):
        answer = await http.request(method, path + act, json=body, headers=headers)
        assert (answer.status_code, answer.json()["codigo"]) == (409, "orden_borrada"), act
    many = {"accion": "tag", "ids": [str(order_id)], "agregar": ["tarde"]}
    answer = await http.post("/api/orders/bulk", json=many, headers=headers)
    assert answer.json()["results"][0]["status"] != "ok"
    assert (await erase(living, order_id, product=before.product_erased)).status_code == 200
    after = await living.workshop.order(order_id)
    assert (after.version, after.borrado_at) == (before.version, before.borrado_at)


async def test_a_mail_that_is_on_its_way_while_its_order_is_erased_is_removed(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await living.workshop.placed_in(OrderState.CANCELADO)
    async with living.workshop.container.database.transaction("test") as session:
        order = await session.get_one(Order, order_id)
        await post_message(
            session,
            order,
            topic="prueba",
            recipient=EMAIL,
            subject=f"Hola, {NAME}",
            body=f"{NAME}:",
            now=order.updated_at,
        )
    real = MaildirMailer.send

    async def erased_meanwhile(self: MaildirMailer, mail: Mail, *, idempotency_key: str) -> None:
        await erase(living, order_id, product=False)
        await living.drive(order_id)
        await real(self, mail, idempotency_key=idempotency_key)

    monkeypatch.setattr(MaildirMailer, "send", erased_meanwhile)
    await living.send_messages()
    assert (await living.workshop.order(order_id)).borrado_at is not None
    assert [name for name in files(living.folder) if name.startswith("mail/")] == []


@pytest.mark.nightly
async def test_of_a_failed_order_the_product_can_stay_and_go_later(living: Living) -> None:
    order_id = await place(living)
    await living.until(order_id, OrderState.CONSTRUCCION)
    early = await erase(living, order_id, product=False)
    assert early.status_code == 409
    assert "cancélala" in early.json()["message"]
    await living.ask(
        "PATCH", f"/api/orders/{order_id}", {"estado": "fallido", "motivo": f"{MARK}-fallo"}
    )
    await living.send_messages()
    slug = (await living.workshop.order(order_id)).slug
    product = living.folder / "products" / slug

    wrong = {"motivo": "x", "orden": "ORD-2001-001", "producto": True}
    refused = await living.workshop.http.post(
        f"/api/orders/{order_id}/erase", json=wrong, headers=living.workshop.headers["admin"]
    )
    assert refused.status_code == 400
    assert (await erase(living, order_id, product=False)).status_code == 200
    await living.drive(order_id)
    kept = await living.workshop.order(order_id)
    assert kept.slug == slug
    assert (kept.fallo or {})["causa"] == "decision_manual"
    assert product.is_dir()
    assert [name for name in files(living.folder) if not name.startswith("products/")] == []

    assert (await erase(living, order_id, product=True)).status_code == 200
    await living.drive(order_id)
    async with living.workshop.container.database.transaction("test") as session:
        await fold(session)
    assert held(await dump(living)) == []
    assert files(living.folder) == []
    assert await answers(living, order_id) == []
    await the_trail_holds(living)
