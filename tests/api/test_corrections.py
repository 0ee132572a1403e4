"""Orders are corrected by PATCH: what, until when, by whom, and what becomes of plan and link."""

import asyncio
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from axon_factory.db.tables import OrderEvent
from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.workshop import OWNER_ID, Json, Workshop

CLIENT = {"nombre": "Empresa XYZ S.A.", "email": "contacto@empresa.com"}
CONFIGURED: dict[str, Any] = {"datos_cliente": {"configuracion": {"idioma": "en"}}}
LATER = [OrderState.CONSTRUCCION, OrderState.QA, OrderState.LISTO, OrderState.ENTREGADO]


async def placed_in(workshop: Workshop, state: OrderState, **changes: Json) -> UUID:
    if state is not OrderState.ENTREGADO:
        return await order_in(workshop, state, **changes)
    order_id = await order_in(workshop, OrderState.LISTO, **changes)
    await workshop.patch(order_id, estado="entregado")
    return order_id


async def corrections(workshop: Workshop, order_id: UUID) -> list[OrderEvent]:
    query = select(OrderEvent).where(
        col(OrderEvent.order_id) == order_id, col(OrderEvent.kind) == "orden.corregida"
    )
    async with workshop.container.database.reading() as session:
        return list(await session.scalars(query.order_by(col(OrderEvent.seq))))


async def plans(workshop: Workshop, order_id: UUID) -> list[tuple[int, str]]:
    answer = await workshop.http.get(
        f"/api/orders/{order_id}/plans", headers=workshop.headers["admin"]
    )
    return [(plan["version"], plan["estado"]) for plan in answer.json()["planes"]]


async def approve(workshop: Workshop, order_id: UUID, version: int, digest: Json) -> Any:  # noqa: ANN401 — an answer
    return await workshop.http.post(
        f"/api/orders/{order_id}/approve",
        json={"plan_version": version, "plan_hash": digest},
        headers=workshop.headers["admin"],
    )


MERGES: list[tuple[Json, Json, Json]] = [
    ({}, {"telefono": "+525512345678"}, {"telefono": "+525512345678"}),
    ({"telefono": "+525512345678"}, {"telefono": None}, {"telefono": None}),
    ({"rfc": "X1", "red": {"a": 1, "b": 2}}, {"red": {"a": None}}, {"rfc": "X1", "red": {"b": 2}}),
    ({"configuracion": {"idioma": "es"}}, {"configuracion": {"tono": "serio"}}, {
        "configuracion": {"idioma": "es", "tono": "serio"}
    }),
    ({"configuracion": {"idioma": "es"}}, {"configuracion": None}, {"configuracion": {}}),
    ({"lista": [1, 2]}, {"lista": [3]}, {"lista": [3]}),
    ({}, {"nombre": "  Otra S.A. "}, {"nombre": "Otra S.A."}),
]  # fmt: skip


@pytest.mark.parametrize(("had", "sent", "has"), MERGES)
async def test_data_is_merged(workshop: Workshop, had: Json, sent: Json, has: Json) -> None:
    order_id = await workshop.place(datos_cliente=CLIENT | had)
    await workshop.patch(order_id, datos_cliente=sent)
    after = (await workshop.show(order_id))["datos_cliente"]
    assert {key: after.get(key) for key in has} == has
    assert after["email"] == CLIENT["email"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"datos_cliente": {"email": "no"}}, "datos_cliente.email"),
        ({"datos_cliente": {"email": None}}, "datos_cliente.email"),
        ({"datos_cliente": {"nombre": None}}, "datos_cliente.nombre"),
        ({"datos_cliente": {"telefono": "12"}}, "datos_cliente.telefono"),
        ({"datos_cliente": {"configuracion": {"idioma": 5}}}, "datos_cliente.configuracion.idioma"),
        ({"datos_cliente": {"configuracion": []}}, "datos_cliente.configuracion"),
        ({"datos_cliente": []}, "datos_cliente"),
        ({"nombre_producto": ""}, "nombre_producto"),
        ({"cliente_id": ""}, "cliente_id"),
        ({"tipo_producto": "webhook_service"}, "tipo_producto"),
    ],
)
async def test_a_correction_is_checked_as_a_new_order(
    workshop: Workshop, sent: Json, field: str
) -> None:
    order_id = await workshop.place()
    before = await workshop.show(order_id)
    answer = await workshop.attempt_patch(order_id, **sent)
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["details"]
    assert await workshop.show(order_id) == before


async def test_staff_read_both_values_and_others_only_that_it_changed(workshop: Workshop) -> None:
    order_id = await workshop.place()
    hidden = {"api_token": "canario-secreto", "twilio": {"auth_token": "canario-secreto"}}
    sent = {"telefono": "+525512345678", "configuracion": hidden}
    await workshop.patch(order_id, "operator", datos_cliente=sent, nombre_producto="Bot nuevo")
    internal, public = await corrections(workshop, order_id)
    assert (internal.visibilidad, public.visibilidad) == ("interno", "cliente")
    assert internal.details["cambios"] == [
        {"campo": "nombre_producto", "antes": "Bot de pruebas", "despues": "Bot nuevo"},
        {
            "campo": "datos_cliente.configuracion.api_token",
            "antes": None,
            "despues": "[secreto omitido]",
        },
        {"campo": "datos_cliente.configuracion.twilio", "antes": None, "despues": {}},
        {"campo": "datos_cliente.telefono", "antes": None, "despues": "+525512345678"},
    ]
    for caller in ("owner", "operator"):
        logs = (await workshop.show(order_id, caller))["logs"]
        told = [
            entry for entry in logs if "orri" in entry["mensaje"] or "orreg" in entry["mensaje"]
        ]
        assert len(told) == (1 if caller == "owner" else 2)
        assert ("cambios" in str(told)) == (caller == "operator")
    await workshop.patch(order_id, nombre_producto="Bot nuevo", datos_cliente=sent)
    assert len(await corrections(workshop, order_id)) == 2  # the same values are no correction


async def test_the_owner_changes(workshop: Workshop) -> None:
    order_id = await workshop.place()
    await workshop.patch(order_id, cliente_id="cliente-ajeno")
    path = f"/api/orders/{order_id}"
    for caller, status in (("owner", 404), ("other", 200)):
        answer = await workshop.http.get(path, headers=workshop.headers[caller])
        assert answer.status_code == status
    listed = await workshop.http.get(
        "/api/orders", params={"cliente_id": OWNER_ID}, headers=workshop.headers["admin"]
    )
    assert str(order_id) not in {order["id"] for order in listed.json()["orders"]}
    await workshop.patch(order_id, cliente_id=None)
    assert (await workshop.show(order_id))["cliente_id"] is None


async def test_a_new_configuration_withdraws_the_plan_and_plans_anew(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    old = await workshop.show(order_id)
    await workshop.patch(order_id, **CONFIGURED)
    between = await workshop.show(order_id)
    assert (between["estado"], between["plan_estado"]) == ("planificacion", "generando")
    assert await plans(workshop, order_id) == [(1, "retirado")]
    refused = await approve(workshop, order_id, old["plan_version"], old["plan_hash"])
    assert refused.status_code == 409, refused.text
    step = await workshop.line.advance(order_id)
    assert step is not None
    assert step.key == "planificar"
    new = await workshop.show(order_id)
    assert (new["plan_version"], new["plan_estado"]) == (2, "pendiente_aprobacion")
    refused = await approve(workshop, order_id, old["plan_version"], old["plan_hash"])
    assert (refused.status_code, refused.json()["codigo"]) == (409, "plan_desactualizado")
    approved = await approve(workshop, order_id, 2, new["plan_hash"])
    assert approved.status_code == 200, approved.text
    assert await plans(workshop, order_id) == [(1, "retirado"), (2, "aprobado")]


async def test_other_corrections_leave_the_plan(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    await workshop.patch(order_id, datos_cliente={"pais": "MX"}, nombre_producto="Otro")
    order = await workshop.show(order_id)
    assert (order["plan_estado"], order["plan_version"]) == ("pendiente_aprobacion", 1)


async def test_who_corrects_and_approves_in_one_request_approves_nothing(
    workshop: Workshop,
) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    before = await workshop.show(order_id)
    answer = await workshop.attempt_patch(order_id, estado="construccion", **CONFIGURED)
    assert answer.status_code == 409, answer.text
    assert await workshop.show(order_id) == before


@pytest.mark.parametrize("state", LATER)
async def test_later_the_configuration_stays_and_the_rest_changes(
    workshop: Workshop, state: OrderState
) -> None:
    order_id = await placed_in(workshop, state)
    refused = await workshop.attempt_patch(order_id, **CONFIGURED)
    assert (refused.status_code, refused.json()["codigo"]) == (409, "configuracion_fija")
    assert "Crea otra orden" in refused.json()["message"]
    kept: Json = {"configuracion": {}}
    await workshop.patch(
        order_id,
        datos_cliente={"nombre": "Otra S.A.", "telefono": "+525512345678", "pais": "MX", **kept},
        nombre_producto="Otro nombre",
        cliente_id="otro",
    )
    order = await workshop.show(order_id)
    assert order["datos_cliente"]["nombre"] == "Otra S.A."
    assert (order["nombre_producto"], order["cliente_id"]) == ("Otro nombre", "otro")
    assert order["estado"] == state


async def test_a_failed_order_that_was_never_built_is_still_planned_anew(
    workshop: Workshop,
) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    await workshop.patch(order_id, estado="fallido")
    await workshop.patch(order_id, **CONFIGURED)
    await workshop.patch(order_id, estado="planificacion")
    await workshop.line.advance(order_id)
    assert await plans(workshop, order_id) == [(1, "retirado"), (2, "pendiente_aprobacion")]


async def test_a_cancelled_order_is_not_corrected(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CANCELADO)
    answer = await workshop.attempt_patch(order_id, nombre_producto="Otro")
    assert answer.status_code == 409, answer.text


async def test_another_address_gets_another_link_and_the_old_one_stops(workshop: Workshop) -> None:
    order_id = await workshop.place()
    links = workshop.container.portal_links
    old, new = (urlsplit(links.url(order_id, number)).path for number in (1, 2))
    assert (await workshop.http.get(old)).status_code == 200
    await workshop.patch(order_id, datos_cliente={"email": "nueva@empresa.com"})
    assert [(await workshop.http.get(path)).status_code for path in (old, new)] == [410, 200]
    mails = text(
        "SELECT recipient, body, given_up_at IS NOT NULL AS withheld FROM outbox_messages "
        "WHERE order_id = :id AND recipient LIKE '%@empresa.com' ORDER BY created_at"
    )
    async with workshop.container.database.reading() as session:
        before, after = (await session.execute(mails, {"id": order_id})).all()
    assert (before.recipient, before.withheld) == ("contacto@empresa.com", True)
    assert (after.recipient, after.withheld) == ("nueva@empresa.com", False)
    assert links.url(order_id, 2) in after.body
    assert old not in after.body


async def test_if_match_and_idempotency_hold(workshop: Workshop) -> None:
    order_id = await workshop.place()
    path, admin = f"/api/orders/{order_id}", workshop.headers["admin"]
    body = {"datos_cliente": {"pais": "MX"}}
    stale = await workshop.http.patch(path, json=body, headers={**admin, "If-Match": '"99"'})
    assert stale.status_code == 412
    keyed = {**admin, "Idempotency-Key": f"corrige-{order_id}"}
    first, again = [await workshop.http.patch(path, json=body, headers=keyed) for _ in range(2)]
    assert (first.status_code, first.text) == (200, again.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await corrections(workshop, order_id)) == 2


async def test_an_approval_and_a_correction_at_once_never_build_the_old_plan(
    workshop: Workshop,
) -> None:
    for _ in range(4):
        order_id = await order_in(workshop, OrderState.PLANIFICACION)
        plan = await workshop.show(order_id)
        approved, corrected = await asyncio.gather(
            approve(workshop, order_id, plan["plan_version"], plan["plan_hash"]),
            workshop.attempt_patch(order_id, **CONFIGURED),
        )
        assert sorted((approved.status_code, corrected.status_code)) == [200, 409]
        order = await workshop.show(order_id)
        english = order["datos_cliente"]["configuracion"].get("idioma") == "en"
        assert (order["estado"] == "construccion") == (approved.status_code == 200) != english
