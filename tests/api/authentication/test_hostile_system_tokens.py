"""System tokens that are none, or no more: every one gets the same 401 on every way in."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.bootstrap import Container
from axon_factory.orders.create import create_order
from axon_factory.orders.requests import NewOrder, validated
from tests.api.authentication.opaque import misspelt, with_checksum
from tests.api.authentication.ways_in import accepted_by, refuse_everywhere
from tests.support.workshop import ADMIN, example_order

NewToken = Callable[..., Awaitable[str]]
TOKEN_WAYS = {"read by system token", "stream by system token", "write by system token"}

ENDED = {
    "the order's attempt moved on": "UPDATE orders SET intento = 2 WHERE id = :order",
    "the order was delivered": (
        "UPDATE orders SET estado = 'entregado', progreso = 100, entregado_at = now()"
        " WHERE id = :order"
    ),
    "the order was cancelled": (
        "UPDATE orders SET estado = 'cancelado', cancelado_at = now() WHERE id = :order"
    ),
    "expired": "UPDATE system_tokens SET expires_at = now() WHERE id = :id",
    "revoked": "UPDATE system_tokens SET revoked_at = now() WHERE id = :id",
    "of an attempt to come": "UPDATE system_tokens SET intento = 2 WHERE id = :id",
    "with an empty MAC": "UPDATE system_tokens SET secret_mac = '' WHERE id = :id",
    "deleted": "DELETE FROM system_tokens WHERE id = :id",
}


@pytest.fixture
def new_order(container: Container) -> Callable[[], Awaitable[UUID]]:
    async def create() -> UUID:
        request = validated(NewOrder, example_order())
        async with container.database.transaction("test") as session:
            order = await create_order(session, request, ADMIN, container.policy, datetime.now(UTC))
        return order.id

    return create


@pytest.fixture
def new_token(container: Container) -> NewToken:
    async def mint(order_id: UUID) -> str:
        async with container.database.transaction("test") as session:
            minted = await container.system_tokens.mint_for_attempt(
                session, order_id=order_id, intento=1, agent="QA Agent", created_by="worker"
            )
        return minted.plaintext

    return mint


async def test_every_hostile_system_token_is_refused_on_every_way_in(
    container: Container,
    http: httpx2.AsyncClient,
    new_order: Callable[[], Awaitable[UUID]],
    new_token: NewToken,
    system_token: str,
    api_key: str,
    assert_unauthenticated: Callable[..., None],
) -> None:
    token = await new_token(await new_order())
    corpus = {
        name: spoil(token) for name, spoil in misspelt(container.system_tokens._pepper).items()
    }
    corpus |= {
        "prefix of an API key": with_checksum("axk" + token[3:-6]),
        "prefix of a refresh token": with_checksum("axr" + token[3:-6]),
        "id of a permanent token": with_checksum(system_token[:17] + token[17:-6]),
        "id of an API key": with_checksum(token[:9] + api_key[9:17] + token[17:-6]),
    }
    assert len(corpus) >= 30
    for name, value in corpus.items():
        await refuse_everywhere(http, value, name, assert_unauthenticated)
    assert await accepted_by(http, token) == TOKEN_WAYS
    assert await accepted_by(http, system_token) == TOKEN_WAYS


async def test_a_token_whose_attempt_is_over_is_refused_on_every_way_in(
    container: Container,
    http: httpx2.AsyncClient,
    new_order: Callable[[], Awaitable[UUID]],
    new_token: NewToken,
    assert_unauthenticated: Callable[..., None],
) -> None:
    for name, statement in ENDED.items():
        order_id = await new_order()
        token = await new_token(order_id)
        values = {"order": order_id, "id": token.split("_")[2]}
        assert await accepted_by(http, token) == TOKEN_WAYS
        async with container.database.transaction("test") as session:
            used = {key: value for key, value in values.items() if f":{key}" in statement}
            await session.execute(text(statement), used)

        codes: set[str] = set()

        def check(
            answer: httpx2.Response,
            where: str = "",
            scheme: str = "Bearer",
            *,
            codes: set[str] = codes,
        ) -> None:
            codes.add(code := answer.json()["codigo"])
            if code not in {"intento_terminado", "token_vencido"}:
                assert_unauthenticated(answer, where, scheme)
            assert answer.status_code == 401, where

        await refuse_everywhere(http, token, name, check)
        # The agent that holds a genuine token learns what ended; others learn nothing.
        assert ("token_vencido" in codes) == (name == "expired"), (name, codes)
        assert ("intento_terminado" in codes) == name.startswith("the order"), (name, codes)


async def test_no_token_for_an_attempt_can_live_longer_than_two_hours(
    container: Container, new_order: Callable[[], Awaitable[UUID]], new_token: NewToken
) -> None:
    await new_token(await new_order())
    statement = "UPDATE system_tokens SET expires_at = expires_at + interval '1 second'"
    with pytest.raises(Exception, match="system_tokens_attempt_lifetime"):
        async with container.database.transaction("test") as session:
            await session.execute(text(statement))
