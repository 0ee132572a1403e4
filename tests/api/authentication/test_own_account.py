"""What users do with their own account: sessions, logout, password."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx2
import pytest

from axon_factory.domain.permissions import Role
from tests.api.authentication.people import PASSWORD, People

EMAIL = "ana@example.com"
NEW = "otra grapa con batería"


@pytest.fixture
async def people(http: httpx2.AsyncClient, user_id: UUID) -> People:
    return People(http)


async def test_refreshing_and_the_theft_of_a_token(people: People) -> None:
    login = (await people.log_in(EMAIL)).json()
    path, first = "/api/auth/refresh", {"refresh_token": login["refresh_token"]}
    renewed = await people.ask("POST", path, {}, first)
    assert renewed["session_id"] == login["session_id"]
    assert renewed["user"] == login["user"]
    headers = {"Authorization": f"Bearer {renewed['access_token']}"}
    assert await people.is_in(headers)
    await people.ask("POST", path, {}, {"refresh_token": renewed["refresh_token"]})

    await people.ask("POST", path, {}, first, status=401)

    assert not await people.is_in(headers)


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"refresh_token": 1}', b'{"a": 1}'])
async def test_what_is_no_refresh_is_said(people: People, body: bytes) -> None:
    answer = await people.http.post(
        "/api/auth/refresh", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "left"), [(None, True), ({}, True), ({"todas": False}, True), ({"todas": True}, False)]
)
async def test_logging_out_ends_this_session_or_all(
    people: People, body: object, left: bool
) -> None:
    here, elsewhere = await people.headers(EMAIL), await people.headers(EMAIL)
    shown = await people.ask("GET", "/api/auth/sessions", here)
    assert [session["actual"] for session in shown["sessions"]] == [False, True]

    ended = await people.ask("POST", "/api/auth/logout", here, body)

    assert ended["sesiones_cerradas"] == (1 if left else 2)
    assert not await people.is_in(here)
    assert await people.is_in(elsewhere) == left


async def test_a_new_password_ends_other_sessions_and_serves(people: People) -> None:
    here, elsewhere = await people.headers(EMAIL), await people.headers(EMAIL)
    key = {**here, "Idempotency-Key": "cambio-1"}
    body = {"password_actual": PASSWORD, "password_nueva": NEW}

    changed = await people.ask("POST", "/api/auth/password", key, body)

    assert changed["debe_cambiar_password"] is False
    assert (await people.is_in(here), await people.is_in(elsewhere)) == (True, False)
    assert (await people.log_in(EMAIL)).status_code == 401
    assert await people.headers(EMAIL, NEW)
    # The answer was lost: the repeated request finds it, although the old password is wrong now.
    assert await people.ask("POST", "/api/auth/password", key, body) == changed


@pytest.mark.parametrize(
    ("old", "new", "codigo", "field", "sentence"),
    [
        ("equivocada", NEW, "validacion", "password_actual", "Not the present password"),
        (PASSWORD, PASSWORD, "password_debil", "password_nueva", "differ from the present"),
        (PASSWORD, "corto y raro 7", "password_debil", "password_nueva", "15 to 128"),
        (PASSWORD, "xk" * 65, "password_debil", "password_nueva", "15 to 128"),
        (PASSWORD, "a" * 40, "password_debil", "password_nueva", "easy to guess"),
        (PASSWORD, "qwertyuiopasdfgh", "password_debil", "password_nueva", "easy to guess"),
        (PASSWORD, "ana@example.com", "password_debil", "password_nueva", "easy to guess"),
        (PASSWORD, "axonaxonaxonaxon", "password_debil", "password_nueva", "easy to guess"),
    ],
)
async def test_a_password_that_does_not_do(
    people: People, old: str, new: str, codigo: str, field: str, sentence: str
) -> None:
    headers = {**await people.headers(EMAIL), "Accept-Language": "en"}
    body = {"password_actual": old, "password_nueva": new}

    refusal = await people.ask("POST", "/api/auth/password", headers, body, status=400)

    assert refusal["codigo"] == codigo
    assert sentence in refusal["details"][field]
    assert await people.is_in(headers)
    assert (await people.log_in(EMAIL)).status_code == 200


async def test_clients_may_choose_shorter_ones(
    people: People, new_user: Callable[..., Awaitable[UUID]]
) -> None:
    await new_user("cliente@example.com", Role.CLIENT, "c-1")
    headers = await people.headers("cliente@example.com")
    for new, status in [("xq7Rv2k", 400), ("xq7Rv2kzW", 200)]:
        body = {"password_actual": PASSWORD, "password_nueva": new}
        await people.ask("POST", "/api/auth/password", headers, body, status)


async def test_of_two_changes_at_once_one_counts(people: People) -> None:
    headers = await people.headers(EMAIL)
    bodies = [{"password_actual": PASSWORD, "password_nueva": NEW + end} for end in ("1", "2")]

    answers = await asyncio.gather(
        *(people.http.post("/api/auth/password", json=body, headers=headers) for body in bodies)
    )

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses in ([200, 400], [200, 409])


async def test_guessing_with_a_stolen_session_is_throttled(people: People) -> None:
    headers = await people.headers(EMAIL)
    body = {"password_actual": "equivocada", "password_nueva": NEW}
    for _ in range(10):
        await people.ask("POST", "/api/auth/password", headers, body, status=400)

    answer = await people.http.post("/api/auth/password", json=body, headers=headers)

    assert answer.status_code == 429
    assert answer.json()["codigo"] == "demasiados_intentos"
    assert 0 < int(answer.headers["Retry-After"]) <= 300


async def test_too_many_logins_are_told_alike(people: People) -> None:
    for email in (EMAIL, "nadie@example.com"):
        statuses = [(await people.log_in(email, "equivocada")).status_code for _ in range(5)]
        assert statuses == [401] * 5
    tried = (EMAIL, "nadie@example.com", "otro@example.com")
    answers = [await people.log_in(email) for email in tried]

    assert {answer.status_code for answer in answers} == {429}
    bodies = [answer.json() for answer in answers]
    for body, answer in zip(bodies, answers, strict=True):
        assert body["message"].endswith(f"{answer.headers['Retry-After']} segundos")
        assert body["error"] == "Demasiados intentos"
    assert {tuple(body) for body in bodies} == {tuple(bodies[0])}
