from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from axon_factory.accounts.errors import CredentialExpired
from axon_factory.accounts.system_tokens import (
    ATTEMPT_TOKEN_MAX_LIFETIME,
    SystemTokens,
    VerifiedToken,
)
from axon_factory.db.sessions import Database
from axon_factory.domain.errors import AttemptEnded, NotFound
from axon_factory.domain.permissions import TokenRole
from axon_factory.domain.states import OrderState

NewOrder = Callable[[], Awaitable[UUID]]

ENTER = {
    OrderState.LISTO: ", progreso = 100",
    OrderState.ENTREGADO: ", progreso = 100, entregado_at = now()",
    OrderState.FALLIDO: ", fallo = '{}'",
    OrderState.CANCELADO: ", cancelado_at = now()",
}


async def mint(
    database: Database,
    system_tokens: SystemTokens,
    order_id: UUID,
    *,
    lifetime: timedelta = ATTEMPT_TOKEN_MAX_LIFETIME,
) -> str:
    async with database.transaction("test") as session:
        minted = await system_tokens.mint_for_attempt(
            session,
            order_id=order_id,
            intento=1,
            agent="build-agent",
            created_by="worker",
            lifetime=lifetime,
        )
    assert minted.plaintext not in repr(minted)
    return minted.plaintext


async def verify(
    database: Database, system_tokens: SystemTokens, plaintext: str
) -> VerifiedToken | None:
    async with database.transaction("test") as session:
        return await system_tokens.verify(session, plaintext)


async def execute(database: Database, statement: str) -> None:
    async with database.transaction("test") as session:
        await session.execute(text(statement))


async def test_a_token_for_an_attempt_holds_until_the_order_ends(
    database: Database, system_tokens: SystemTokens, new_order: NewOrder
) -> None:
    for state in OrderState:
        order_id = await new_order()
        plaintext = await mint(database, system_tokens, order_id)
        assignments = f"estado = '{state}'{ENTER.get(state, '')}"
        await execute(database, f"UPDATE orders SET {assignments} WHERE id = '{order_id}'")  # noqa: S608 — literals

        if state in {OrderState.ENTREGADO, OrderState.CANCELADO}:
            with pytest.raises(AttemptEnded):
                await verify(database, system_tokens, plaintext)
        else:
            verified = await verify(database, system_tokens, plaintext)
            token_id = plaintext.split("_")[2]
            builder = TokenRole.BUILDER
            expected = VerifiedToken(token_id, "build-agent", builder, order_id, 1)
            assert verified == expected, state


async def test_a_token_that_does_not_hold(
    database: Database, system_tokens: SystemTokens, new_order: NewOrder
) -> None:
    for statement in (
        "UPDATE system_tokens SET revoked_at = now()",
        "UPDATE system_tokens SET intento = 2",
        "UPDATE system_tokens SET secret_mac = '\\x00'",
        "DELETE FROM system_tokens",
    ):
        plaintext = await mint(database, system_tokens, await new_order())
        assert await verify(database, system_tokens, plaintext), statement
        await execute(database, statement)

        assert await verify(database, system_tokens, plaintext) is None, statement


async def test_a_token_whose_time_is_over_is_told(
    database: Database, system_tokens: SystemTokens, new_order: NewOrder
) -> None:
    plaintext = await mint(database, system_tokens, await new_order())
    await execute(database, "UPDATE system_tokens SET expires_at = now()")
    with pytest.raises(CredentialExpired):
        await verify(database, system_tokens, plaintext)


async def test_only_a_genuine_token_is_told_that_its_attempt_is_over(
    database: Database, system_tokens: SystemTokens, new_order: NewOrder
) -> None:
    order_id = await new_order()
    plaintext = await mint(database, system_tokens, order_id)
    revoked = await mint(database, system_tokens, order_id)
    async with database.transaction("test") as session:
        await system_tokens.revoke(session, revoked.split("_")[2])
    await execute(database, "UPDATE orders SET intento = 2")
    await execute(database, "UPDATE system_tokens SET expires_at = now() WHERE revoked_at IS NULL")

    with pytest.raises(AttemptEnded) as told:
        await verify(database, system_tokens, plaintext)
    assert (told.value.order_id, told.value.attempt) == (order_id, 1)
    assert await verify(database, system_tokens, revoked) is None
    other = SystemTokens(b"another pepper of thirty-two bytes")
    assert await verify(database, other, plaintext) is None


async def test_another_orders_attempt_does_not_matter(
    database: Database, system_tokens: SystemTokens, new_order: NewOrder
) -> None:
    mine, other = await new_order(), await new_order()
    plaintext = await mint(database, system_tokens, mine)
    await execute(database, f"UPDATE orders SET intento = 2 WHERE id = '{other}'")  # noqa: S608 — an id of ours

    verified = await verify(database, system_tokens, plaintext)

    assert verified is not None
    assert verified.order_id == mine


async def test_a_permanent_token_holds_until_it_is_revoked(
    database: Database, system_tokens: SystemTokens
) -> None:
    async with database.transaction("test") as session:
        minted = await system_tokens.mint_permanent(session, agent="ops", created_by="local:test")
    assert await verify(database, system_tokens, minted.plaintext) == VerifiedToken(
        minted.id, "ops", TokenRole.BUILDER, None, None
    )

    async with database.transaction("test") as session:
        await system_tokens.revoke(session, minted.id)
        await system_tokens.revoke(session, minted.id)
    assert await verify(database, system_tokens, minted.plaintext) is None
    async with database.transaction("test") as session:
        with pytest.raises(NotFound):
            await system_tokens.revoke(session, "00000000")


async def test_a_token_for_an_attempt_lives_two_hours_at_most(
    database: Database, system_tokens: SystemTokens, new_order: NewOrder
) -> None:
    order_id = await new_order()
    for lifetime in (timedelta(), timedelta(seconds=-1), timedelta(hours=2, seconds=1)):
        with pytest.raises(ValueError, match="cannot live"):
            await mint(database, system_tokens, order_id, lifetime=lifetime)
