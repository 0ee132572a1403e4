"""Administration of users over the API."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID, uuid4

import httpx2
import pytest

from axon_factory.domain.permissions import Role
from tests.api.authentication.people import PASSWORD, People

NewUser = Callable[..., Awaitable[UUID]]
Headers = Mapping[str, str]
NEW = {"email": "Eva@example.com", "nombre": " Eva ", "rol": "operator"}
CHOSEN = "otra grapa con batería"


@pytest.fixture
def people(http: httpx2.AsyncClient) -> People:
    return People(http)


@pytest.fixture
async def admin_id(new_user: NewUser) -> UUID:
    return await new_user("jefa@example.com", Role.ADMIN)


@pytest.fixture
async def admin(people: People, admin_id: UUID) -> Headers:
    return await people.headers("jefa@example.com")


async def test_a_new_user_must_choose_a_password_first(people: People, admin: Headers) -> None:
    answer = await people.http.post("/api/users", json=NEW, headers=admin)
    assert answer.status_code == 201
    created = answer.json()
    password = created.pop("password_de_un_solo_uso")
    assert answer.headers["Location"] == f"/api/users/{created['id']}"
    assert created["email"] == "eva@example.com"
    assert created["nombre"] == "Eva"
    assert created["debe_cambiar_password"] is True
    shown = await people.ask("GET", f"/api/users/{created['id']}", admin)
    assert shown == created
    assert password not in (await people.http.get("/api/users", headers=admin)).text

    login = await people.log_in("eva@example.com", password)
    assert login.json()["user"]["debe_cambiar_password"] is True
    eva = {"Authorization": f"Bearer {login.json()['access_token']}"}
    refusal = await people.ask("GET", "/api/orders", eva, status=403)
    assert refusal["codigo"] == "cambio_de_password_requerido"
    assert await people.is_in(eva)

    body = {"password_actual": password, "password_nueva": CHOSEN}
    await people.ask("POST", "/api/auth/password", eva, body)
    await people.ask("GET", "/api/orders", eva)
    assert await people.headers("eva@example.com", CHOSEN)


async def test_a_new_user_may_come_with_a_password(people: People, admin: Headers) -> None:
    body = NEW | {"password": "corta"}
    refusal = await people.ask("POST", "/api/users", admin, body, status=400)
    assert set(refusal["details"]) == {"password"}
    created = await people.ask("POST", "/api/users", admin, NEW | {"password": CHOSEN}, status=201)
    assert created["debe_cambiar_password"] is False
    assert "password_de_un_solo_uso" not in created
    await people.ask("GET", "/api/orders", await people.headers("eva@example.com", CHOSEN))


async def test_a_lost_answer_shows_the_same_password_again(people: People, admin: Headers) -> None:
    once = {**admin, "Idempotency-Key": "alta-1"}
    first = await people.ask("POST", "/api/users", once, NEW, status=201)

    assert await people.ask("POST", "/api/users", once, NEW, status=201) == first
    again = await people.ask("POST", "/api/users", admin, NEW, status=409)
    assert again["codigo"] == "correo_en_uso"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "eva"}, "email"),
        ({"nombre": ""}, "nombre"),
        ({"nombre": "a\nb"}, "nombre"),
        ({"rol": "system"}, "rol"),
        ({"rol": "client"}, "cliente_id"),
        ({"cliente_id": "c-1"}, "cliente_id"),
        ({"password": "x"}, "password"),
        ({"activo": True}, "activo"),
    ],
)
async def test_what_is_no_user(
    people: People, admin: Headers, change: dict[str, object], field: str
) -> None:
    refusal = await people.ask("POST", "/api/users", admin, {**NEW, **change}, status=400)
    assert field in refusal["details"]


async def test_users_are_listed_by_page(people: People, admin: Headers, new_user: NewUser) -> None:
    for name in ("c", "a", "b"):
        await new_user(f"{name}@example.com")
    first = await people.ask("GET", "/api/users?limit=2", admin)
    second = await people.ask("GET", "/api/users?limit=2&offset=2", admin)

    assert first["total"] == second["total"] == 4
    emails = [user["email"] for page in (first, second) for user in page["users"]]
    assert emails == ["a@example.com", "b@example.com", "c@example.com", "jefa@example.com"]
    assert "hash" not in str(first)
    for query in ("limit=0", "limit=201", "offset=-1", "offset=99999999999"):
        await people.ask("GET", f"/api/users?{query}", admin, status=400)


async def test_a_change_counts_with_the_next_request(
    people: People, admin: Headers, new_user: NewUser
) -> None:
    path = f"/api/users/{await new_user('eva@example.com')}"
    eva = await people.headers("eva@example.com")

    await people.ask("PATCH", path, admin, {"rol": "client", "cliente_id": "c-1", "nombre": "E"})
    me = await people.ask("GET", "/api/auth/me", eva)
    assert (me["rol"], me["cliente_id"], me["nombre"]) == ("client", "c-1", "E")
    changed = await people.ask("PATCH", path, admin, {"rol": "operator"})
    assert changed["cliente_id"] is None

    await people.ask("PATCH", path, admin, {"activo": False})
    assert not await people.is_in(eva)
    await people.ask("PATCH", path, admin, {"activo": True})
    assert not await people.is_in(eva)  # what was ended stays so
    assert await people.headers("eva@example.com")


async def test_a_reset_ends_sessions_and_the_old_password(
    people: People, admin: Headers, new_user: NewUser
) -> None:
    path = f"/api/users/{await new_user('eva@example.com')}"
    eva = await people.headers("eva@example.com")

    reset = await people.ask("PATCH", path, admin, {"restablecer_password": True})

    assert reset["debe_cambiar_password"] is True
    assert not await people.is_in(eva)
    assert (await people.log_in("eva@example.com", PASSWORD)).status_code == 401
    assert await people.headers("eva@example.com", reset["password_de_un_solo_uso"])


async def test_a_stale_if_match_changes_nothing(
    people: People, admin: Headers, new_user: NewUser
) -> None:
    path = f"/api/users/{await new_user('eva@example.com')}"
    etag = (await people.http.get(path, headers=admin)).headers["ETag"]
    current = {**admin, "If-Match": etag}
    await people.ask("PATCH", path, current, {"nombre": "Uno"})

    stale = await people.ask("PATCH", path, current, {"nombre": "Dos"}, status=412)

    assert stale["version_actual"] == int(etag.strip('"')) + 1

    assert (await people.ask("GET", path, admin))["nombre"] == "Uno"


@pytest.mark.parametrize(
    "change",
    [
        {"rol": "operator"},
        {"rol": "client", "cliente_id": "c"},
        {"activo": False},
        {"restablecer_password": True},
    ],
)
async def test_nobody_takes_their_own_access_away(
    people: People, admin: Headers, admin_id: UUID, new_user: NewUser, change: dict[str, object]
) -> None:
    await new_user("otra@example.com", Role.ADMIN)
    path = f"/api/users/{admin_id}"

    refusal = await people.ask("PATCH", path, admin, change, status=409)

    assert refusal["codigo"] == "cuenta_propia"
    renamed = await people.ask("PATCH", path, admin, {"nombre": "Jefa", "rol": "admin"})
    assert renamed["nombre"] == "Jefa"


async def test_two_administrators_cannot_remove_one_another_at_once(
    people: People, admin: Headers, admin_id: UUID, new_user: NewUser
) -> None:
    other_id = await new_user("otra@example.com", Role.ADMIN)
    other = await people.headers("otra@example.com")
    for change in ({"activo": False}, {"rol": "operator"}):
        answers = await asyncio.gather(
            people.http.patch(f"/api/users/{other_id}", json=change, headers=admin),
            people.http.patch(f"/api/users/{admin_id}", json=change, headers=other),
        )

        statuses = sorted(answer.status_code for answer in answers)
        # The loser was authenticated before or after they lost their role.
        assert statuses[0] == 200
        assert statuses[1] in {401, 403, 409}
        winner, loser = (admin, other_id) if answers[0].is_success else (other, admin_id)
        restored = {"activo": True, "rol": "admin"}
        await people.ask("PATCH", f"/api/users/{loser}", winner, restored)
        admin = await people.headers("jefa@example.com")
        other = await people.headers("otra@example.com")


@pytest.mark.parametrize("spelling", ["x", "%00", "0", "{upper}", "{hex}", "{other}"])
async def test_users_that_are_not_there(
    people: People, admin: Headers, admin_id: UUID, spelling: str
) -> None:
    text = spelling.format(upper=str(admin_id).upper(), hex=admin_id.hex, other=uuid4())
    status = 200 if text == str(admin_id) else 404  # an id without letters has one spelling
    for method, body in (("GET", None), ("PATCH", {"nombre": "X"})):
        await people.ask(method, f"/api/users/{text}", admin, body, status=status)
    await people.ask("PATCH", f"/api/users/{admin_id}", admin, {}, status=400)
