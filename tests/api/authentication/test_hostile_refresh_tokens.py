"""Refresh tokens that are none, or no more: every one gets the same 401 on every way in."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.bootstrap import Container
from tests.api.authentication.conftest import HERE
from tests.api.authentication.opaque import misspelt, with_checksum
from tests.api.authentication.ways_in import accepted_by, refuse_everywhere

NewSession = Callable[[], Awaitable[str]]

ENDED = {
    "revoked": "UPDATE user_sessions SET revoked_at = now()",
    "expired": (
        "UPDATE user_sessions SET created_at = now() - interval '9 days', expires_at = now()"
    ),
    "idle": "UPDATE user_sessions SET last_used_at = now() - interval '24 hours'",
    "replaced": "UPDATE user_sessions SET refresh_id = 'another'",
    "of an inactive user": "UPDATE users SET active = false",
    "with an empty MAC": "UPDATE refresh_tokens SET secret_mac = ''",
    "deleted": "DELETE FROM refresh_tokens",
}


@pytest.fixture
def new_refresh_token(container: Container, user_id: UUID) -> NewSession:
    async def create() -> str:
        async with container.database.transaction("test") as session:
            return (await container.sessions.open(session, user_id, HERE)).refresh_token

    return create


async def test_every_hostile_refresh_token_is_refused_on_every_way_in(
    container: Container,
    http: httpx2.AsyncClient,
    new_refresh_token: NewSession,
    assert_unauthenticated: Callable[..., None],
) -> None:
    token, other = await new_refresh_token(), await new_refresh_token()
    corpus = {name: spoil(token) for name, spoil in misspelt(container.sessions._pepper).items()}
    corpus |= {
        "prefix of an API key": with_checksum("axk" + token[3:-6]),
        "prefix of a system token": with_checksum("axs" + token[3:-6]),
        "id of another session's": with_checksum(other[:17] + token[17:-6]),
        "secret of another session's": with_checksum(token[:17] + other[17:-6]),
    }
    for name, value in corpus.items():
        await refuse_everywhere(http, value, name, assert_unauthenticated)
    for good in (token, other):
        assert await accepted_by(http, good) == {"refresh"}


async def test_a_refresh_token_that_serves_no_more_is_refused_on_every_way_in(
    container: Container,
    http: httpx2.AsyncClient,
    new_refresh_token: NewSession,
    assert_unauthenticated: Callable[..., None],
) -> None:
    for name, statement in ENDED.items():
        token = await new_refresh_token()
        async with container.database.transaction("test") as session:
            await session.execute(text(statement))
        await refuse_everywhere(http, token, name, assert_unauthenticated)
        async with container.database.transaction("test") as session:
            await session.execute(text("UPDATE users SET active = true"))
        assert await accepted_by(http, await new_refresh_token()) == {"refresh"}
