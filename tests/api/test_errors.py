"""Bad input gets a documented 4xx that says what to do, never a 5xx and never itself back."""

import json
from typing import NamedTuple
from uuid import UUID

import httpx2
import pytest

from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.workshop import Json, Workshop, example_order

INTRUDER = "<script>intruso"
SURROGATE = "\ud800"
RFC_9457 = {"type", "title", "status", "detail", "instance"}


@pytest.fixture(scope="module")
async def order_id(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.CONSTRUCCION)


def assert_documented(answer: httpx2.Response, status: int) -> dict[str, Json]:
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert {"error", "codigo"} | RFC_9457 <= set(document)
    assert document["status"] == status
    assert document["type"] == f"urn:axon-factory:error:{document['codigo']}"
    assert document["instance"] == answer.request.url.raw_path.decode().partition("?")[0]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Language"] in {"es", "en"}
    assert answer.headers["Vary"] == "Accept, Accept-Language"
    assert INTRUDER not in answer.text
    assert "Traceback" not in answer.text
    return document


def assert_invalid(answer: httpx2.Response, *fields: str) -> None:
    document = assert_documented(answer, 400)
    assert document["error"] == "Validation error"
    assert document["codigo"] == "validacion"
    assert set(document["details"]) >= set(fields)
    assert all(isinstance(sentence, str) and sentence for sentence in document["details"].values())


def nested(depth: int, leaf: Json = 1) -> Json:
    for _ in range(depth):
        leaf = [leaf]
    return leaf


def client(**members: Json) -> Json:
    return {"datos_cliente": {"nombre": "A", "email": "a@example.com", **members}}


CREATIONS: dict[str, tuple[Json, str]] = {
    "unknown type": ({"tipo_producto": INTRUDER}, "tipo_producto"),
    "type of another kind": ({"tipo_producto": 7}, "tipo_producto"),
    "null name": ({"nombre_producto": None}, "nombre_producto"),
    "empty name": ({"nombre_producto": "  "}, "nombre_producto"),
    "long name": ({"nombre_producto": "x" * 201}, "nombre_producto"),
    "NUL in a name": ({"nombre_producto": "a\x00b"}, "nombre_producto"),
    "lone surrogate in a name": ({"nombre_producto": SURROGATE}, "nombre_producto"),
    "unknown field": ({"inventado": INTRUDER}, "inventado"),
    "unknown field of markup": ({INTRUDER: 1}, ""),
    "unknown field of no Unicode": ({SURROGATE: 1}, ""),
    "unknown priority": ({"prioridad": INTRUDER}, "prioridad"),
    "tags as text": ({"tags": "retail"}, "tags"),
    "a tag of another kind": ({"tags": [1]}, "tags.0"),
    "too many tags": ({"tags": ["x"] * 51}, "tags"),
    "client as a list": ({"datos_cliente": []}, "datos_cliente"),
    "client without mail": ({"datos_cliente": {"nombre": "A"}}, "datos_cliente.email"),
    "mail that is none": (client(email=INTRUDER), "datos_cliente.email"),
    "mail with a surrogate": (client(email=f"{SURROGATE}@example.com"), "datos_cliente.email"),
    "mail with NUL": (client(email="a\x00@example.com"), "datos_cliente.email"),
    "mail as a number": (client(email=1), "datos_cliente.email"),
    "configuration as text": (client(configuracion="x"), "datos_cliente.configuracion"),
    "NUL in configuration": (client(configuracion={"a": "\x00"}), "datos_cliente.configuracion.a"),
    "NUL as a key": (client(configuracion={"\x00": 1}), "datos_cliente.configuracion"),
    "surrogate in configuration": (
        client(configuracion={"a": [SURROGATE]}),
        "datos_cliente.configuracion.a.0",
    ),
    "NaN in configuration": (
        client(configuracion={"a": float("nan")}),
        "datos_cliente.configuracion.a",
    ),
    "infinity in configuration": (
        client(configuracion={"a": float("-inf")}),
        "datos_cliente.configuracion.a",
    ),
    "deep configuration": (
        client(configuracion={"a": nested(400)}),
        "datos_cliente.configuracion",
    ),
    "NUL in a further member": (client(extra="\x00"), "datos_cliente.extra"),
    "NUL as a further member": (client(**{"\x00": 1}), "datos_cliente"),
    "surrogate in a further member": (client(extra=[SURROGATE]), "datos_cliente.extra.0"),
    "NaN in a further member": (client(extra=float("nan")), "datos_cliente.extra"),
    "deep further member": (client(extra=nested(400)), "datos_cliente.extra"),
    "NUL in cliente_id": ({"cliente_id": "\x00"}, "cliente_id"),
    "NUL in notes": ({"notas_internas": "\x00"}, "notas_internas"),
}


@pytest.mark.parametrize("name", CREATIONS)
async def test_bad_creation(workshop: Workshop, name: str) -> None:
    change, field = CREATIONS[name]
    answer = await workshop.http.post(
        "/api/orders",
        content=json.dumps(example_order(**change)),
        headers={"Content-Type": "application/json", **workshop.headers["admin"]},
    )
    assert_invalid(answer, *([field] if field else []))


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{nombre",
    "half of a document": b'{"tipo_producto":',
    "no UTF-8": b'{"tipo_producto": "\xff\xfe"}',
    "null": b"null",
    "a list": b"[]",
    "a text": b'"x"',
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 40_000,
    "a number of 5,000 digits": b'{"tipo_producto": ' + b"9" * 5000 + b"}",
    "1e999": b'{"tipo_producto": 1e999}',
    "NaN": b'{"tipo_producto": NaN}',
    "twice the same key, both wrong": b'{"tipo_producto": 1, "tipo_producto": 2}',
}


@pytest.mark.parametrize("name", BODIES)
async def test_body_that_is_no_order(workshop: Workshop, name: str) -> None:
    answer = await workshop.http.post(
        "/api/orders",
        content=BODIES[name],
        headers={"Content-Type": "application/json", **workshop.headers["admin"]},
    )
    assert_invalid(answer)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_body_of_another_type(workshop: Workshop, content_type: str) -> None:
    answer = await workshop.http.post(
        "/api/orders",
        content=json.dumps(example_order()),
        headers={"Content-Type": content_type, **workshop.headers["admin"]},
    )
    assert assert_documented(answer, 415)["codigo"] == "contenido_no_admitido"


async def test_body_larger_than_the_limit(workshop: Workshop) -> None:
    body = json.dumps(example_order(notas_internas="x" * 300_000))
    answer = await workshop.http.post(
        "/api/orders",
        content=body,
        headers={"Content-Type": "application/json", **workshop.headers["admin"]},
    )
    assert assert_documented(answer, 413)["codigo"] == "cuerpo_demasiado_grande"


PATCHES: dict[str, tuple[Json, str]] = {
    "progress false": ({"progreso": False}, "progreso"),
    "progress true": ({"progreso": True}, "progreso"),
    "progress 4000": ({"progreso": 4000}, "progreso"),
    "progress -1": ({"progreso": -1}, "progreso"),
    "progress zzz": ({"progreso": "zzz"}, "progreso"),
    "progress as text": ({"progreso": "50"}, "progreso"),
    "progress as a fraction": ({"progreso": 50.5}, "progreso"),
    "progress of 20 digits": ({"progreso": 10**20}, "progreso"),
    "progress infinite": ({"progreso": float("inf")}, "progreso"),
    "unknown state": ({"estado": INTRUDER}, "estado"),
    "state of another kind": ({"estado": 3}, "estado"),
    "unknown field": ({"id": "x"}, "id"),
    "logs as an object": ({"logs": {}}, "logs"),
    "log without a message": ({"logs": [{"tipo": "info"}]}, "logs.0.mensaje"),
    "log of an unknown kind": ({"logs": [{"mensaje": "x", "tipo": "debug"}]}, "logs.0.tipo"),
    "log with no time": ({"logs": [{"mensaje": "x", "timestamp": "ayer"}]}, "logs.0.timestamp"),
    "log with NUL": ({"logs": [{"mensaje": "\x00"}]}, "logs.0.mensaje"),
    "log with deep metadata": (
        {"logs": [{"mensaje": "x", "metadata": {"a": nested(400)}}]},
        "logs.0",
    ),
    "too many logs": ({"logs": [{"mensaje": "x"}] * 101}, "logs"),
    "hint that is no time": ({"qa_iniciada_at": "pronto"}, "qa_iniciada_at"),
    "hint before all calendars": ({"qa_iniciada_at": "0000-00-00T00:00:00Z"}, "qa_iniciada_at"),
}


@pytest.mark.parametrize("name", PATCHES)
async def test_bad_update(workshop: Workshop, order_id: UUID, name: str) -> None:
    change, field = PATCHES[name]
    answer = await workshop.http.patch(
        f"/api/orders/{order_id}",
        content=json.dumps(change),
        headers={"Content-Type": "application/json", **workshop.headers["admin"]},
    )
    assert_invalid(answer, field)


@pytest.mark.parametrize("year", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_log_at_the_end_of_the_calendar(
    workshop: Workshop, order_id: UUID, year: str
) -> None:
    answer = await workshop.attempt_patch(
        order_id, logs=[{"mensaje": "Fuera del calendario", "timestamp": year}]
    )
    assert_invalid(answer, "logs.0.timestamp")
    await workshop.show(order_id)


class Query(NamedTuple):
    text: str
    field: str


QUERIES = [
    Query("limit=0", "limit"),
    Query("limit=201", "limit"),
    Query("limit=-1", "limit"),
    Query("limit=diez", "limit"),
    Query(f"limit={'9' * 5000}", "limit"),
    Query("offset=-1", "offset"),
    Query("offset=9223372036854775808", "offset"),
    Query("offset=1.5", "offset"),
    Query("sort_by=password_hash", "sort_by"),
    Query("sort_by=id%3Bdrop", "sort_by"),
    Query("sort_order=sideways", "sort_order"),
    Query("estado=zzz", "estado"),
    Query("prioridad=zzz", "prioridad"),
    Query("tag=%00", "tag"),
    Query("tipo_producto=%00", "tipo_producto"),
    Query("tag=%ED%A0%80", "query"),
    Query("&".join(["tag=x"] * 21), "tag"),
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.text[:40])
async def test_bad_listing(workshop: Workshop, query: Query) -> None:
    answer = await workshop.http.get(f"/api/orders?{query.text}", headers=workshop.headers["admin"])
    assert_invalid(answer, query.field)


@pytest.mark.parametrize("text", ["estado=nuevo&estado=qa", "tag=zzz"])
async def test_odd_but_legal_listing(workshop: Workshop, text: str) -> None:
    answer = await workshop.http.get(f"/api/orders?{text}", headers=workshop.headers["admin"])
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "reference", ["x", "123", "ORD-1", "ORD-%00", "%00", "ORD-2025-001%20", "550e8400", "%ED%A0%80"]
)
async def test_malformed_id_is_the_documented_404(
    workshop: Workshop, method: str, reference: str
) -> None:
    answer = await workshop.http.request(
        method,
        f"/api/orders/{reference}",
        json={} if method == "PATCH" else None,
        headers=workshop.headers["admin"],
    )
    document = assert_documented(answer, 404)
    assert document["error"] == "Order not found"
    assert document["codigo"] == "orden_no_encontrada"


@pytest.mark.parametrize("slash", ["%2F", "%2f"])
@pytest.mark.parametrize(
    ("method", "path", "codigo"),
    [
        ("GET", "/api/orders/a{}b", "orden_no_encontrada"),
        ("PATCH", "/api/orders/a{}b", "orden_no_encontrada"),
        ("DELETE", "/api/orders/a{}b", "orden_no_encontrada"),
        ("GET", "/api/orders/{{id}}{}plan", "orden_no_encontrada"),
        ("GET", "/api/orders/{{id}}{}logs", "orden_no_encontrada"),
        ("POST", "/api/orders/{{id}}{}retry", "metodo_no_permitido"),
        ("GET", "/api/orders/a{}b/logs", "orden_no_encontrada"),
        ("GET", "/api/orders/%C3{}%A9", "orden_no_encontrada"),
        ("GET", "/api{}orders", "no_encontrado"),
        ("GET", "/api/products/types/a{}b", None),
        ("GET", "/api/users/a{}b", None),
    ],
)
async def test_an_encoded_slash_is_no_separator(
    workshop: Workshop, order_id: UUID, method: str, path: str, codigo: str | None, slash: str
) -> None:
    sent = path.format(slash).format(id=order_id)
    answer = await workshop.http.request(
        method, sent, json={} if method == "PATCH" else None, headers=workshop.headers["admin"]
    )
    document = assert_documented(answer, 405 if codigo == "metodo_no_permitido" else 404)
    assert document["instance"] == sent
    assert codigo in {None, document["codigo"]}


@pytest.mark.parametrize("slug", ["%00", "x" * 300, "..%2F..", "%ED%A0%80"])
async def test_malformed_repository_is_a_404(workshop: Workshop, slug: str) -> None:
    answer = await workshop.http.get(
        f"/git/{slug}.git/info/refs", headers=workshop.headers["admin"]
    )
    assert_documented(answer, 404)


@pytest.mark.parametrize("value", ["7", '"x"', 'W/"1"', '"1", "2"', '"99999999999"', '"-1"', '""'])
async def test_bad_if_match(workshop: Workshop, order_id: UUID, value: str) -> None:
    answer = await workshop.http.patch(
        f"/api/orders/{order_id}",
        json={"asignado_a": "X"},
        headers={"If-Match": value, **workshop.headers["admin"]},
    )
    assert_invalid(answer, "If-Match")


@pytest.mark.parametrize(
    ("method", "path", "status", "codigo"),
    [
        ("GET", "/api/nada", 404, "no_encontrado"),
        ("GET", "/api/orders/", 404, "no_encontrado"),
        ("PUT", "/api/orders", 405, "metodo_no_permitido"),
    ],
)
async def test_routes_that_are_none(
    workshop: Workshop, method: str, path: str, status: int, codigo: str
) -> None:
    answer = await workshop.http.request(method, path)
    assert assert_documented(answer, status)["codigo"] == codigo


async def test_problem_json_when_asked_for(workshop: Workshop) -> None:
    answer = await workshop.http.get("/api/orders", headers={"Accept": "application/problem+json"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["error"] == "Authentication required"


@pytest.mark.parametrize(
    ("language", "english"),
    [
        ("en", True),
        ("en-US,en;q=0.9,es;q=0.1", True),
        ("es-MX,es;q=0.9,en;q=0.8", False),
        ("fr", False),
        ("q=,;;;", False),
        ("en;q=7", False),
        ("", False),
    ],
)
async def test_language_of_a_sentence(
    workshop: Workshop, order_id: UUID, language: str, english: bool
) -> None:
    answer = await workshop.http.delete(
        f"/api/orders/{order_id}",
        headers={"Accept-Language": language, **workshop.headers["admin"]},
    )
    document = assert_documented(answer, 400)
    assert document["message"].startswith("The order is" if english else "La orden está")
    assert document["message"] == document["detail"]
    assert document["estado_actual"] == "construccion"
