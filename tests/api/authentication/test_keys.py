"""API keys and system tokens over the API: shown once, rotated, revoked in every process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.bootstrap import Container
from axon_factory.bootstrap.application import application_of
from axon_factory.domain.permissions import Role
from tests.api.authentication.people import People
from tests.support.workshop import make_container

Headers = Mapping[str, str]
NEW = {"nombre": "crm", "permiso": "lectura"}
NOBODYS_ORDER = "/api/orders/00000000-0000-4000-8000-000000000000"


@pytest.fixture
def people(http: httpx2.AsyncClient) -> People:
    return People(http)


@pytest.fixture
async def admin(people: People, new_user: Callable[..., Awaitable[UUID]]) -> Headers:
    await new_user("jefa@example.com", Role.ADMIN)
    return await people.headers("jefa@example.com")


@pytest.fixture
async def elsewhere(database_url: str, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Another process of the same factory: nothing in memory is shared."""
    opened = make_container(database_url, tmp_path / "elsewhere")
    transport = httpx2.ASGITransport(application_of(opened))
    async with httpx2.AsyncClient(transport=transport, base_url="https://fabrica.example") as made:
        yield made
    await opened.close()


def by(key: dict[str, str]) -> Headers:
    return {"X-API-Key": key["api_key"]}


async def test_a_key_is_shown_once_and_ends_in_every_process(
    people: People, admin: Headers, elsewhere: httpx2.AsyncClient
) -> None:
    answer = await people.http.post("/api/keys", json=NEW, headers=admin)
    assert answer.status_code == 201
    key = answer.json()
    assert answer.headers["Location"] == f"/api/keys/{key['id']}"
    assert (key["familia"], key["estado"], key["expires_at"]) == (key["id"], "activa", None)
    assert (await elsewhere.get("/api/auth/me", headers=by(key))).status_code == 200
    shown = await people.ask("GET", f"/api/keys/{key['id']}", admin)
    assert shown["last_used_at"] is not None
    listed = await people.http.get("/api/keys", headers=admin)
    assert [item["id"] for item in listed.json()["api_keys"]] == [key["id"]]
    assert key["api_key"].split("_")[3] not in listed.text + str(shown)

    revoked = await people.ask("DELETE", f"/api/keys/{key['id']}", admin)

    assert revoked["estado"] == "revocada"
    for client in (people.http, elsewhere):
        assert (await client.get("/api/auth/me", headers=by(key))).status_code == 401
    assert await people.ask("DELETE", f"/api/keys/{key['id']}", admin) == revoked


async def test_a_rotation_leaves_two_live_keys_for_a_while(
    people: People, admin: Headers, container: Container
) -> None:
    old = await people.ask("POST", "/api/keys", admin, NEW | {"vence_en_dias": 90}, status=201)
    path = f"/api/keys/{old['id']}/rotate"

    new = await people.ask("POST", path, admin, status=201)

    assert {name: new[name] for name in ("nombre", "permiso", "familia")} == {
        "nombre": "crm",
        "permiso": "lectura",
        "familia": old["id"],
    }
    assert new["expires_at"][:10] == old["expires_at"][:10]
    assert await people.is_in(by(old))
    assert await people.is_in(by(new))
    for key in (old, new):  # two live keys at most
        refusal = await people.ask("POST", f"/api/keys/{key['id']}/rotate", admin, status=409)
        assert refusal["codigo"] == "clave_en_rotacion"
    async with container.database.transaction("test") as session:
        left = await session.scalar(
            text("SELECT expires_at - now() FROM api_keys WHERE id = :id"), {"id": old["id"]}
        )
        assert 23.9 < left.total_seconds() / 3600 <= 24
        await session.execute(
            text("UPDATE api_keys SET expires_at = now() WHERE id = :id"), {"id": old["id"]}
        )

    assert not await people.is_in(by(old))
    third = await people.ask("POST", f"/api/keys/{new['id']}/rotate", admin, status=201)
    assert third["familia"] == old["id"]


@pytest.mark.parametrize(("hours", "serves"), [(0, False), (1, True), (168, True)])
async def test_the_grace_of_a_rotation_can_be_chosen(
    people: People, admin: Headers, hours: int, serves: bool
) -> None:
    old = await people.ask("POST", "/api/keys", admin, NEW, status=201)
    path = f"/api/keys/{old['id']}/rotate"
    for wrong in (-1, 169, "24", 1.5):
        await people.ask("POST", path, admin, {"gracia_horas": wrong}, status=400)

    new = await people.ask("POST", path, admin, {"gracia_horas": hours}, status=201)

    assert await people.is_in(by(old)) == serves
    assert await people.is_in(by(new))
    assert new["expires_at"] is None


async def test_of_rotations_at_once_one_succeeds(people: People, admin: Headers) -> None:
    old = await people.ask("POST", "/api/keys", admin, NEW, status=201)
    path = f"/api/keys/{old['id']}/rotate"

    answers = await asyncio.gather(*(people.http.post(path, headers=admin) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert (await people.ask("GET", "/api/keys", admin))["total"] == 2


async def test_a_revoked_key_is_not_rotated_and_a_lost_answer_found(
    people: People, admin: Headers
) -> None:
    old = await people.ask("POST", "/api/keys", admin, NEW, status=201)
    once = {**admin, "Idempotency-Key": "rotar-1"}
    path = f"/api/keys/{old['id']}/rotate"
    new = await people.ask("POST", path, once, status=201)
    assert await people.ask("POST", path, once, status=201) == new

    await people.ask("DELETE", f"/api/keys/{old['id']}", admin)
    await people.ask("POST", path, admin, status=409)
    await people.ask("POST", f"/api/keys/{new['id']}/rotate", admin, status=201)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/keys", {"nombre": "crm"}),
        ("/api/keys", {"nombre": "", "permiso": "lectura"}),
        ("/api/keys", {"nombre": "a\nb", "permiso": "lectura"}),
        ("/api/keys", {"nombre": "crm", "permiso": "todo"}),
        ("/api/keys", {"nombre": "crm", "permiso": "admin", "vence_en_dias": 0}),
        ("/api/keys", {"nombre": "crm", "permiso": "admin", "vence_en_dias": 3651}),
        ("/api/keys", {"nombre": "crm", "permiso": "admin", "secreto": "x"}),
        ("/api/system-tokens", {}),
        ("/api/system-tokens", {"agente": " "}),
        ("/api/system-tokens", {"agente": "x" * 101}),
    ],
)
async def test_what_is_no_key(
    people: People, admin: Headers, path: str, body: dict[str, object]
) -> None:
    await people.ask("POST", path, admin, body, status=400)


@pytest.mark.parametrize("key_id", ["x", "00000000", "%00%00%00%00%00%00%00%00", "٣٣٣٣٣٣٣٣"])
async def test_keys_that_are_not_there(people: People, admin: Headers, key_id: str) -> None:
    for method, path in [
        ("GET", "/api/keys/{}"),
        ("DELETE", "/api/keys/{}"),
        ("POST", "/api/keys/{}/rotate"),
        ("GET", "/api/system-tokens/{}"),
        ("DELETE", "/api/system-tokens/{}"),
    ]:
        await people.ask(method, path.format(key_id), admin, status=404)


async def test_a_permanent_system_token_is_shown_once_and_ends(
    people: People, admin: Headers, elsewhere: httpx2.AsyncClient
) -> None:
    token = await people.ask(
        "POST", "/api/system-tokens", admin, {"agente": " Builder Agent "}, status=201
    )
    headers = {"X-System-Token": token["system_token"]}
    assert token["agente"] == "Builder Agent"
    assert (await elsewhere.patch(NOBODYS_ORDER, json={}, headers=headers)).status_code == 404
    listed = await people.http.get("/api/system-tokens", headers=admin)
    assert [item["id"] for item in listed.json()["system_tokens"]] == [token["id"]]
    assert token["system_token"].split("_")[3] not in listed.text

    await people.ask("DELETE", f"/api/system-tokens/{token['id']}", admin)

    shown = await people.ask("GET", f"/api/system-tokens/{token['id']}", admin)
    assert shown["estado"] == "revocada"
    assert (await elsewhere.patch(NOBODYS_ORDER, json={}, headers=headers)).status_code == 401
