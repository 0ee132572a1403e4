"""What credentials are told, and what they share (issue 13 §3): 401, 403, repeated writes."""

from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from axon_factory.api.idempotency import RequestKey, fingerprint, kept_answer
from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.workshop import Workshop, example_order


@pytest.fixture(scope="module")
async def waiting(workshop: Workshop) -> UUID:
    """An order whose plan waits for approval."""
    return await order_in(workshop, OrderState.PLANIFICACION)


async def test_a_repeat_after_a_rotation_finds_the_first_answer(workshop: Workshop) -> None:
    created = await workshop.http.post(
        "/api/keys",
        json={"nombre": "ventas", "permiso": "escritura"},
        headers=workshop.headers["admin"],
    )
    key_id, old = created.json()["id"], created.json()["api_key"]
    sent = {"json": example_order(), "url": "/api/orders"}
    once = {"Idempotency-Key": uuid4().hex}
    first = await workshop.http.post(**sent, headers={"X-API-Key": old, **once})
    assert first.status_code == 201
    rotated = await workshop.http.post(
        f"/api/keys/{key_id}/rotate", json={}, headers=workshop.headers["admin"]
    )
    again = await workshop.http.post(
        **sent, headers={"X-API-Key": rotated.json()["api_key"], **once}
    )
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    stranger = await workshop.new_principal("key_escritura")
    other = await workshop.http.post(**sent, headers={**stranger, **once})
    assert other.json()["id"] != first.json()["id"]


async def test_a_repeat_with_a_renewed_token_finds_the_first_answer(workshop: Workshop) -> None:
    order = await order_in(workshop, OrderState.CONSTRUCCION)
    old = await workshop.attempt_token(order)
    once = {"Idempotency-Key": uuid4().hex}
    sent: dict[str, Any] = {
        "url": f"/api/orders/{order}/preguntas",
        "json": {"pregunta": "¿Idioma?", "destinatario": "operador", "bloquea": False},
    }
    first = await workshop.http.post(**sent, headers={**old, **once})
    assert first.status_code in {200, 201}, first.text
    renewed = await workshop.http.post(f"/api/orders/{order}/token", headers=old)
    fresh = {"X-System-Token": renewed.json()["system_token"]}
    again = await workshop.http.post(**sent, headers={**fresh, **once})
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_a_request_in_flight_says_when_to_repeat_it(workshop: Workshop) -> None:
    me = await workshop.http.get("/api/auth/me", headers=workshop.headers["admin"])
    once = uuid4().hex
    key = RequestKey(me.json()["id"], once, fingerprint("POST", "/api/orders?", b""))
    async with workshop.container.database.transaction("test") as session:
        await kept_answer(session, key, workshop.container.secret_box)  # holds the key
        answer = await workshop.http.post(
            "/api/orders",
            json=example_order(),
            headers={**workshop.headers["admin"], "Idempotency-Key": once},
        )
    assert (answer.status_code, answer.json()["codigo"]) == (409, "solicitud_en_curso")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("name", ["Idempotency-Key", "If-Match"])
async def test_a_header_with_two_values_is_refused(
    workshop: Workshop, waiting: UUID, name: str
) -> None:
    """The first of two was taken."""
    admin = list(workshop.headers["admin"].items())
    answer = await workshop.http.patch(
        f"/api/orders/{waiting}",
        json={"prioridad": "alta"},
        headers=[*admin, (name, '"1"'), (name, '"2"')],
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["details"] == {name: "Esta cabecera se envía una sola vez"}


async def test_an_expired_credential_says_so(workshop: Workshop) -> None:
    headers = await workshop.new_principal("key_lectura")
    key_id = headers["X-API-Key"].split("_")[2]
    wrong = await workshop.http.get("/api/orders", headers={"X-API-Key": "axk_live_nada"})
    async with workshop.container.database.transaction("test") as session:
        await session.execute(
            text("UPDATE api_keys SET expires_at = now() WHERE id = :id"), {"id": key_id}
        )
    expired = await workshop.http.get("/api/orders", headers=headers)
    assert [answer.status_code for answer in (wrong, expired)] == [401, 401]
    assert [answer.json()["codigo"] for answer in (wrong, expired)] == [
        "autenticacion_requerida",
        "token_vencido",
    ]
    assert [answer.headers["WWW-Authenticate"] for answer in (wrong, expired)] == [
        'Bearer realm="axon-factory"',
        'Bearer realm="axon-factory", error="invalid_token"',
    ]


class Denied(NamedTuple):
    """A request without the permission, what its 403 says, and who could."""

    by: str
    method: str
    path: str
    sentence: str
    scopes: list[str]
    roles: list[str]


DENIED = [
    Denied(
        "key_lectura",
        "POST",
        "/api/orders",
        "El alcance 'lectura' de tu clave no permite esta operación. "
        "Alcances que sirven: escritura, admin",
        ["escritura", "admin"],
        ["admin", "operator"],
    ),
    Denied(
        "key_escritura",
        "GET",
        "/api/orders",
        "El alcance 'escritura' de tu clave no permite esta operación. "
        "Alcances que sirven: lectura, admin",
        ["lectura", "admin"],
        ["admin", "operator", "client"],
    ),
    Denied(
        "key_admin",
        "POST",
        "/api/orders/{waiting}/approve",
        "Una clave API no permite esta operación. Roles que sirven: admin",
        [],
        ["admin"],
    ),
    Denied(
        "owner",
        "POST",
        "/api/orders",
        "Tu rol 'client' no permite esta operación. Roles que sirven: admin, operator",
        ["escritura", "admin"],
        ["admin", "operator"],
    ),
    Denied(
        "owner",
        "PATCH",
        "/api/orders/{waiting}",
        "Este endpoint es solo para uso interno del sistema",
        ["admin"],
        ["admin", "operator", "system"],
    ),
    Denied(
        "permanent",
        "POST",
        "/api/orders/{waiting}/latido",
        "Solo el token de un intento permite esta operación, sobre su orden",
        [],
        ["system"],
    ),
]


@pytest.mark.parametrize("case", DENIED, ids=lambda case: f"{case.by} {case.method} {case.path}")
async def test_a_refusal_names_who_may(workshop: Workshop, waiting: UUID, case: Denied) -> None:
    answer = await workshop.http.request(
        case.method,
        case.path.replace("{waiting}", str(waiting)),
        json={} if case.method in {"POST", "PATCH"} else None,
        headers=workshop.headers[case.by],
    )
    assert answer.status_code == 403, answer.text
    document = answer.json()
    assert document["message"] == case.sentence
    assert (document["alcances_validos"], document["roles_validos"]) == (case.scopes, case.roles)


async def test_a_field_that_may_not_be_changed_names_who_may(workshop: Workshop) -> None:
    order = await workshop.place()
    answer = await workshop.attempt_patch(order, "permanent", prioridad="alta")
    assert (answer.status_code, answer.json()["message"]) == (403, "No puedes cambiar: prioridad")
    assert answer.json()["alcances_validos"] == ["admin"]
    assert answer.json()["roles_validos"] == ["admin", "operator"]
