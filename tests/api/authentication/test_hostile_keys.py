"""API keys that are none, or no more: every one gets the same 401 on every way in."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx2
from sqlalchemy import text

from axon_factory.bootstrap import Container
from axon_factory.db.sessions import Database
from axon_factory.domain.permissions import KeyScope
from tests.api.authentication.opaque import misspelt, with_checksum
from tests.api.authentication.ways_in import accepted_by, refuse_everywhere, refused_as_expired

NewKey = Callable[..., Awaitable[str]]
KEY_WAYS = {"read by API key", "stream by API key", "write by API key", "git by password"}

ENDED = {
    "revoked": "UPDATE api_keys SET revoked_at = now() WHERE id = :id",
    "deleted": "DELETE FROM api_keys WHERE id = :id",
    "with the MAC of another": (
        "UPDATE api_keys SET secret_mac = (SELECT secret_mac FROM api_keys WHERE id <> :id LIMIT 1)"
        " WHERE id = :id"
    ),
    "with an empty MAC": "UPDATE api_keys SET secret_mac = '' WHERE id = :id",
}


async def test_every_hostile_api_key_is_refused_on_every_way_in(
    container: Container,
    http: httpx2.AsyncClient,
    new_key: NewKey,
    system_token: str,
    assert_unauthenticated: Callable[..., None],
) -> None:
    key, other = await new_key(), await new_key(KeyScope.ADMIN)
    corpus = {name: spoil(key) for name, spoil in misspelt(container.api_keys._pepper).items()}
    corpus |= {
        "prefix of a system token": with_checksum("axs" + key[3:-6]),
        "prefix of a refresh token": with_checksum("axr" + key[3:-6]),
        "id of another, more powerful key": with_checksum(other[:17] + key[17:-6]),
        "secret of another": with_checksum(key[:17] + other[17:-6]),
        "of another pepper": await new_key(pepper=b"another" * 8),
    }
    assert len(corpus) >= 40
    for name, value in corpus.items():
        await refuse_everywhere(http, value, name, assert_unauthenticated)
    assert await accepted_by(http, key) == KEY_WAYS
    assert await accepted_by(http, other) == KEY_WAYS
    assert "read by API key" not in await accepted_by(http, system_token)


async def test_a_key_that_has_ended_is_refused_on_every_way_in(
    http: httpx2.AsyncClient,
    database: Database,
    new_key: NewKey,
    assert_unauthenticated: Callable[..., None],
) -> None:
    await new_key()
    for name, statement in ENDED.items():
        key = await new_key()
        assert await accepted_by(http, key) == KEY_WAYS
        async with database.transaction("test") as session:
            await session.execute(text(statement), {"id": key.split("_")[2]})

        await refuse_everywhere(http, key, name, assert_unauthenticated)


async def test_a_key_that_was_rotated_out_is_refused_and_its_successor_taken(
    container: Container,
    http: httpx2.AsyncClient,
    new_key: NewKey,
    assert_unauthenticated: Callable[..., None],
) -> None:
    key = await new_key()
    async with container.database.transaction("test") as session:
        rotated = await container.api_keys.rotate(
            session, key.split("_")[2], created_by="local:test", grace=timedelta()
        )

    told = await refused_as_expired(http, key, "rotated out", assert_unauthenticated)
    assert told == KEY_WAYS
    async with container.database.transaction("test") as session:
        await container.api_keys.revoke(session, key.split("_")[2])
    await refuse_everywhere(http, key, "revoked", assert_unauthenticated)
    assert await accepted_by(http, rotated.plaintext) == KEY_WAYS


async def test_good_keys_are_taken_where_keys_are(
    http: httpx2.AsyncClient, new_key: NewKey
) -> None:
    for scope in KeyScope:
        assert await accepted_by(http, await new_key(scope)) == KEY_WAYS, scope
