"""Every route for every kind of principal, from one table; other people's orders do not exist."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

import httpx2
import pytest

from axon_factory.domain.states import OrderState
from tests.support.workshop import PASSWORD, Headers, Json, Workshop, example_order

CANARY = "canario-notas-internas"
NOBODYS_ORDER = "00000000-0000-4000-8000-000000000000"
PLAN = {"plan_version": 1, "plan_hash": "0" * 64}
REASON = {"motivo": "Porque sí"}
PRINCIPALS = (
    "admin",
    "operator",
    "owner",
    "other",
    "key_lectura",
    "key_escritura",
    "key_admin",
    "attempt",
    "permanent",
    "none",
)


class Row(NamedTuple):
    """A request about a cancelled order of `owner`, and its status for PRINCIPALS in turn.

    A cancelled order changes no more, so whoever may change it gets a 400 or 409; its attempt's
    token is dead, so routes that attempts may use are asked about a living one.
    """

    method: str
    path: str
    body: Json
    statuses: str
    living: bool = False


PUBLIC = "200 " * 10
EVERYBODY = "200 200 200 200 200 200 200 403 403 401"
CREATE = "201 201 403 403 403 201 201 403 403 401"
LIST = "200 200 200 200 200 403 200 403 403 401"
READ = "200 200 200 404 200 403 200 200 403 401"
RESULT = "400 400 400 404 400 403 400 403 403 401"
UPDATE = "200 200 403 403 403 403 200 200 200 401"
ADMIN_AND_KEY = "{0} 403 403 403 403 403 {0} 403 403 401"
DECIDE = "409 403 403 403 403 403 403 403 403 401"
REVEAL = "409 403 409 404 403 403 403 403 403 401"
ORDER = "/api/orders/{id}"
TABLE = [
    Row("GET", "/health", None, PUBLIC),
    Row("GET", "/api/products/types", None, PUBLIC),
    Row("GET", "/api/products/types/{product_id}", None, PUBLIC),
    Row("POST", "/api/auth/login", {"email": "operator@example.com", "password": PASSWORD}, PUBLIC),
    Row("GET", "/api/auth/me", None, EVERYBODY),
    Row("POST", "/api/orders", example_order(), CREATE),
    Row("GET", "/api/orders", None, LIST),
    Row("GET", ORDER, None, READ, living=True),
    Row("GET", f"{ORDER}/logs", None, READ, living=True),
    Row("GET", f"{ORDER}/result", None, RESULT, living=True),
    Row("PATCH", ORDER, {}, UPDATE, living=True),
    Row("DELETE", ORDER, None, ADMIN_AND_KEY.format(400)),
    Row("POST", f"{ORDER}/approve", PLAN, DECIDE),
    Row("POST", f"{ORDER}/reject", PLAN | REASON, DECIDE),
    Row("POST", f"{ORDER}/cancel", REASON, ADMIN_AND_KEY.format(409)),
    Row("POST", f"{ORDER}/retry", None, ADMIN_AND_KEY.format(409)),
    Row("POST", f"{ORDER}/credentials/reveal", None, REVEAL),
]
ELSEWHERE = {
    ("GET", "/api/orders/{id}/stream"): "tests/realtime",
    ("GET", "/git/{slug}.git/{path:path}"): "test_repository_for_every_principal",
    ("GET", "/portal/{token}"): "tests/web",
}


@pytest.fixture(scope="module")
async def orders(workshop: Workshop) -> Mapping[bool, UUID]:
    """By whether it lives: a new order of the owner's, and a cancelled one."""
    return {
        True: await workshop.place(notas_internas=CANARY),
        False: await workshop.placed_in(OrderState.CANCELADO),
    }


@pytest.fixture(scope="module")
async def attempt(workshop: Workshop, orders: Mapping[bool, UUID]) -> Headers:
    return await workshop.attempt_token(orders[True])


def test_table_has_every_route(workshop: Workshop) -> None:
    schema = workshop.factory.application().openapi()
    documented = {
        (method.upper(), path) for path, methods in schema["paths"].items() for method in methods
    }
    assert {(row.method, row.path) for row in TABLE} | set(ELSEWHERE) >= documented
    assert documented >= {(row.method, row.path) for row in TABLE}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")
async def test_route_for_every_principal(
    workshop: Workshop, orders: Mapping[bool, UUID], attempt: Headers, row: Row
) -> None:
    path = row.path.format(id=orders[row.living], product_id="webhook_service")
    seen: dict[str, int] = {}
    for name in PRINCIPALS:
        headers = attempt if name == "attempt" else workshop.headers[name]
        if name == "attempt" and not row.living and row.path.startswith(ORDER):
            path = row.path.format(id=orders[True])
        answer = await workshop.http.request(row.method, path, json=row.body, headers=headers)
        seen[name] = answer.status_code
        assert_private(answer)
        path = row.path.format(id=orders[row.living], product_id="webhook_service")
    assert seen == dict(zip(PRINCIPALS, map(int, row.statuses.split()), strict=True))


def assert_private(answer: httpx2.Response) -> None:
    if answer.request.url.path.startswith("/api/"):
        assert answer.headers["Cache-Control"] == "no-store"
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="axon-factory"'


@pytest.mark.parametrize("suffix", ["", "/logs", "/result"])
async def test_other_peoples_orders_look_like_none(
    workshop: Workshop, orders: Mapping[bool, UUID], suffix: str
) -> None:
    headers = workshop.headers["other"]
    theirs = str(orders[True])
    answer = await workshop.http.get(f"/api/orders/{theirs}{suffix}", headers=headers)
    nothing = await workshop.http.get(f"/api/orders/{NOBODYS_ORDER}{suffix}", headers=headers)
    assert answer.status_code == nothing.status_code == 404
    assert answer.text.replace(theirs, "X") == nothing.text.replace(NOBODYS_ORDER, "X")


async def test_client_lists_only_their_own(workshop: Workshop) -> None:
    mine = await workshop.place(tags=["de-quien"])
    await workshop.place(tags=["de-quien"], cliente_id="cliente-ajeno")
    answer = await workshop.http.get("/api/orders?tag=de-quien", headers=workshop.headers["owner"])
    assert answer.json()["total"] == 1
    assert [order["id"] for order in answer.json()["orders"]] == [str(mine)]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_attempt_token_is_for_its_order_only(
    workshop: Workshop, attempt: Headers, method: str
) -> None:
    other = await workshop.place()
    body: Json = {} if method == "PATCH" else None
    answer = await workshop.http.request(method, f"/api/orders/{other}", json=body, headers=attempt)
    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["owner", "attempt", "permanent"])
async def test_internal_notes_never_leave(
    workshop: Workshop, orders: Mapping[bool, UUID], attempt: Headers, name: str
) -> None:
    path = f"/api/orders/{orders[True]}"
    headers = attempt if name == "attempt" else workshop.headers[name]
    answers = [
        await workshop.http.get(path, headers=headers),
        await workshop.http.get(f"{path}/logs", headers=headers),
        await workshop.http.get(f"{path}/result", headers=headers),
        await workshop.http.get("/api/orders", headers=headers),
        await workshop.http.patch(path, json={"asignado_a": "QA Agent"}, headers=headers),
    ]
    for answer in answers:
        assert CANARY not in answer.text
        assert "notas_internas" not in answer.text


@pytest.mark.parametrize("name", ["admin", "operator", "key_lectura", "key_admin"])
async def test_staff_read_internal_notes(
    workshop: Workshop, orders: Mapping[bool, UUID], name: str
) -> None:
    assert (await workshop.show(orders[True], by=name))["notas_internas"] == CANARY


@pytest.mark.parametrize("name", ["attempt", "permanent"])
async def test_agents_cannot_write_internal_notes(
    workshop: Workshop, orders: Mapping[bool, UUID], attempt: Headers, name: str
) -> None:
    answer = await workshop.http.patch(
        f"/api/orders/{orders[True]}",
        json={"notas_internas": "x"},
        headers=attempt if name == "attempt" else workshop.headers[name],
    )
    assert answer.status_code == 403
    assert (await workshop.show(orders[True]))["notas_internas"] == CANARY


async def test_agent_reads_no_contact_of_the_client(
    workshop: Workshop, orders: Mapping[bool, UUID], attempt: Headers
) -> None:
    answer = await workshop.http.get(f"/api/orders/{orders[True]}", headers=attempt)
    assert set(answer.json()["datos_cliente"]) == {"nombre", "configuracion"}
    assert "contacto@empresa.com" not in answer.text


async def test_attempt_token_dies_with_its_attempt(workshop: Workshop) -> None:
    order_id = await workshop.placed_in(OrderState.QA)
    token = await workshop.attempt_token(order_id)
    path = f"/api/orders/{order_id}"
    assert (await workshop.http.get(path, headers=token)).status_code == 200
    await workshop.patch(order_id, estado="construccion", motivo="No pasa")
    assert (await workshop.http.get(path, headers=token)).status_code == 401


GIT = {
    "admin": 404,  # may, and there is no such file
    "operator": 404,
    "owner": 404,
    "other": 404,
    "key_lectura": 403,
    "key_escritura": 403,
    "key_admin": 404,
    "attempt": 401,  # git sends a password, and a system token is none
    "permanent": 401,
    "none": 401,
}


@pytest.mark.parametrize("name", PRINCIPALS)
async def test_repository_for_every_principal(
    workshop: Workshop, orders: Mapping[bool, UUID], attempt: Headers, name: str
) -> None:
    slug = (await workshop.order(orders[True])).slug
    headers = attempt if name == "attempt" else workshop.headers[name]
    secret = next(iter(headers.values()), "").removeprefix("Bearer ")
    answer = await workshop.http.get(
        f"/git/{slug}.git/info/refs", auth=("git", secret) if secret else None
    )
    assert answer.status_code == GIT[name]
