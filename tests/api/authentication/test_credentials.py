"""Which credential counts, which does not, and what a guard lets through."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx2
from sqlalchemy import text

from axon_factory.db.sessions import Database
from axon_factory.domain.permissions import Action, KeyScope

NewKey = Callable[..., Awaitable[str]]
Assertion = Callable[..., None]


async def test_an_api_key_ends_with_the_next_request(
    http: httpx2.AsyncClient,
    database: Database,
    new_key: NewKey,
    assert_unauthenticated: Assertion,
) -> None:
    for statement in (
        "UPDATE api_keys SET revoked_at = now()",
        "DELETE FROM api_keys",
    ):
        headers = {"X-API-Key": await new_key()}
        assert (await http.get("/api/auth/me", headers=headers)).status_code == 200, statement
        async with database.transaction("test") as session:
            await session.execute(text(statement))

        assert_unauthenticated(await http.get("/api/auth/me", headers=headers), statement)


async def test_a_key_of_another_pepper_or_kind_is_refused(
    http: httpx2.AsyncClient,
    new_key: NewKey,
    api_key: str,
    system_token: str,
    assert_unauthenticated: Assertion,
) -> None:
    stolen = await new_key(pepper=b"another" * 8)

    for headers in (
        {"X-API-Key": stolen},
        {"X-API-Key": system_token},
        {"X-System-Token": api_key},
        {"Authorization": f"Bearer {api_key}"},
        {"Authorization": f"Bearer {system_token}"},
    ):
        assert_unauthenticated(await http.get("/api/auth/me", headers=headers))


async def test_a_bearer_is_read_under_its_own_scheme_only(
    http: httpx2.AsyncClient, token: str, assert_unauthenticated: Assertion
) -> None:
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        token,
        f"Token {token}",
        f"Bearer,{token}",
    ]:
        answer = await http.get("/api/auth/me", headers={"Authorization": value})
        assert_unauthenticated(answer, value)


async def test_no_credential_and_a_cookie_are_no_credential(
    http: httpx2.AsyncClient, token: str, assert_unauthenticated: Assertion
) -> None:

    assert_unauthenticated(await http.get("/api/auth/me"))
    assert_unauthenticated(
        await http.get("/api/auth/me", headers={"Cookie": f"access_token={token}"})
    )
    assert_unauthenticated(await http.get("/api/auth/me", params={"access_token": token}))


async def test_several_credentials_are_refused(
    http: httpx2.AsyncClient, token: str, user_id: UUID, api_key: str
) -> None:
    bearer = ("Authorization", f"bearer {token}")
    key = ("X-API-Key", api_key)
    assert (await http.get("/api/auth/me", headers=[bearer])).json()["id"] == f"user:{user_id}"

    for headers in (
        [bearer, key],
        [bearer, bearer],
        [key, key],
        [("X-System-Token", "x"), ("X-System-Token", "x")],
        [key, ("X-API-Key", "")],
        [key, ("X-System-Token", "x")],
        [key, ("Authorization", "Basic YTpi")],
    ):
        answer = await http.get("/api/auth/me", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["codigo"] == "credenciales_ambiguas"


async def test_a_guard_lets_through_what_the_table_grants(
    http: httpx2.AsyncClient, new_key: NewKey, assert_unauthenticated: Assertion
) -> None:
    for scope, allowed in (
        (
            KeyScope.LECTURA,
            {
                Action.READ_ORDER,
                Action.LIST_ORDERS,
                Action.READ_RESULT,
                Action.READ_QUESTIONS,
                Action.READ_LINE,
                Action.READ_SELF,
                Action.READ_FEED,
                Action.READ_TIMELINE,
                Action.READ_BOARD,
                Action.READ_FEEDBACK,
                Action.READ_EVIDENCE,
                Action.READ_CLIENT_MAILS,
                Action.MANAGE_NOTIFICATIONS,
            },
        ),
        (KeyScope.ESCRITURA, {Action.CREATE_ORDER, Action.READ_SELF}),
    ):
        headers = {"X-API-Key": await new_key(scope)}
        answers = {a: await http.get(f"/may/{a}", headers=headers) for a in Action}

        assert {action for action, answer in answers.items() if answer.is_success} == allowed
        assert {answer.status_code for answer in answers.values()} == {200, 403}
        refusal = answers[Action.UPDATE_ORDER].json()
        assert refusal["error"] == "Forbidden"
        assert refusal["message"] == "Este endpoint es solo para uso interno del sistema"
        assert refusal["permiso_requerido"] == "orders:update"
    for action in Action:
        assert_unauthenticated(await http.get(f"/may/{action}"))


async def test_a_permanent_system_token_only_updates_orders(
    http: httpx2.AsyncClient, system_token: str
) -> None:
    headers = {"X-System-Token": system_token}

    statuses = {
        action: (await http.get(f"/may/{action}", headers=headers)).status_code for action in Action
    }

    assert [action for action, status in statuses.items() if status == 200] == [Action.UPDATE_ORDER]
    assert (await http.get("/api/auth/me", headers=headers)).status_code == 403
