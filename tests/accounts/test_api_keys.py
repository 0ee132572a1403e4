import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from axon_factory.accounts.api_keys import ApiKeys, CreatedKey, VerifiedKey
from axon_factory.accounts.errors import CredentialExpired
from axon_factory.db.sessions import Database
from axon_factory.db.tables import ApiKey
from axon_factory.domain.errors import NotFound, ValidationFailed
from axon_factory.domain.permissions import KeyScope


async def create(
    database: Database, api_keys: ApiKeys, scope: KeyScope = KeyScope.LECTURA, name: str = "ventas"
) -> CreatedKey:
    async with database.transaction("test") as session:
        return await api_keys.create(session, name=name, scope=scope, created_by="local:test")


async def verify(database: Database, api_keys: ApiKeys, plaintext: str) -> VerifiedKey | None:
    async with database.transaction("test") as session:
        return await api_keys.verify(session, plaintext)


async def last_used_at(database: Database) -> datetime:
    async with database.transaction("test") as session:
        return (await session.execute(text("SELECT last_used_at FROM api_keys"))).scalar_one()


async def alter(database: Database, assignment: str) -> None:
    async with database.transaction("test") as session:
        await session.execute(text(f"UPDATE api_keys SET {assignment}"))  # noqa: S608 — a literal


async def test_a_key_holds_from_its_creation(database: Database, api_keys: ApiKeys) -> None:
    for scope in KeyScope:
        created = await create(database, api_keys, scope)

        assert await verify(database, api_keys, created.plaintext) == VerifiedKey(
            created.key.id, created.key.id, "ventas", scope
        )


async def test_the_plaintext_is_kept_nowhere(database: Database, api_keys: ApiKeys) -> None:
    created = await create(database, api_keys)

    async with database.transaction("test") as session:
        row = (await session.execute(text("SELECT k::text FROM api_keys k"))).scalar_one()
        kept = (await session.execute(text("SELECT secret_mac FROM api_keys"))).scalar_one()
    secret = created.plaintext.rsplit("_", 1)[1]
    assert secret not in row
    assert secret.encode().hex() not in row
    assert len(kept) == 32
    assert secret not in repr(created)


async def test_a_key_that_does_not_hold(database: Database, api_keys: ApiKeys) -> None:
    for assignment in (
        "revoked_at = now()",
        "secret_mac = '\\x00'",
        "id = md5(id)",
    ):
        created = await create(database, api_keys)
        await alter(database, assignment)

        assert await verify(database, api_keys, created.plaintext) is None, assignment


async def test_a_key_means_nothing_under_another_pepper(
    database: Database, api_keys: ApiKeys
) -> None:
    created = await create(database, api_keys)

    assert (
        await verify(database, ApiKeys(b"another pepper of 32 bytes or so"), created.plaintext)
        is None
    )
    with pytest.raises(ValueError, match="pepper"):
        ApiKeys(b"short")


async def test_the_mac_of_one_row_is_worth_nothing_in_another(
    database: Database, api_keys: ApiKeys
) -> None:
    mine, other = await create(database, api_keys), await create(database, api_keys)
    async with database.transaction("test") as session:
        await session.execute(
            text("UPDATE api_keys SET secret_mac = :mac WHERE id = :id"),
            {"mac": mine.key.secret_mac, "id": other.key.id},
        )

    assert await verify(database, api_keys, other.plaintext) is None


async def test_a_lifetime_ends_the_key(database: Database, api_keys: ApiKeys) -> None:
    async with database.transaction("test") as session:
        created = await api_keys.create(
            session,
            name="breve",
            scope=KeyScope.ADMIN,
            created_by="local:test",
            lifetime=timedelta(milliseconds=50),
        )
    assert created.key.expires_at is not None
    await asyncio.sleep((created.key.expires_at - datetime.now(UTC)).total_seconds())

    with pytest.raises(CredentialExpired):
        await verify(database, api_keys, created.plaintext)


async def test_use_is_noted_once_a_minute(database: Database, api_keys: ApiKeys) -> None:
    created = await create(database, api_keys)
    await asyncio.gather(*(verify(database, api_keys, created.plaintext) for _ in range(8)))
    first = await last_used_at(database)

    await verify(database, api_keys, created.plaintext)
    assert await last_used_at(database) == first

    await alter(database, "last_used_at = now() - interval '61 seconds'")
    await verify(database, api_keys, created.plaintext)
    assert await last_used_at(database) > first


async def test_a_refused_key_notes_no_use(database: Database, api_keys: ApiKeys) -> None:
    created = await create(database, api_keys)
    await alter(database, "revoked_at = now()")
    await verify(database, api_keys, created.plaintext)

    assert await last_used_at(database) is None


async def test_revoking_and_listing(database: Database, api_keys: ApiKeys) -> None:
    created = [await create(database, api_keys, name=f"clave {n}") for n in range(3)]
    async with database.transaction("test") as session:
        await api_keys.revoke(session, created[1].key.id)
    async with database.transaction("test") as session:
        first = (await session.get_one(ApiKey, created[1].key.id)).revoked_at
        await api_keys.revoke(session, created[1].key.id)
        listed = await api_keys.list_all(session)

    assert [(key.name, key.revoked_at) for key in listed] == [
        ("clave 2", None),
        ("clave 1", first),
        ("clave 0", None),
    ]
    assert first is not None
    assert await verify(database, api_keys, created[1].plaintext) is None
    assert await verify(database, api_keys, created[0].plaintext)


async def test_what_cannot_be_done_is_said(database: Database, api_keys: ApiKeys) -> None:
    async with database.transaction("test") as session:
        with pytest.raises(NotFound):
            await api_keys.revoke(session, "00000000")
    for name in ("", "   ", "x" * 101, "a\0b", "a\nb"):
        with pytest.raises(ValidationFailed):
            await create(database, api_keys, name=name)
