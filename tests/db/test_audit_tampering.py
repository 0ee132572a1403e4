"""Whatever the owner of the tables does to the trail with its triggers off is found and named."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlmodel import col

from axon_factory.db.audit import (
    AuditQuery,
    Checkpoint,
    Verification,
    append_audit,
    cut,
    list_audit,
    verify_audit,
)
from axon_factory.db.sessions import Database
from axon_factory.db.tables import AuditRow
from axon_factory.domain.audit import AuditEntry, AuditRecord, Break, Fault, entry_hash
from axon_factory.domain.permissions import Action
from tests.support.databases import copied_database
from tests.support.workshop import ADMIN

ENTRIES = 5
TABLES = ("audit_entries", "audit_heads")
OTHER_HASH = "decode(repeat('ab', 32), 'hex')"

COLUMNS = {
    "position": "position * 1000 + 1",
    "seq": "60",
    "chain": "'zz'",
    "at": "at + interval '1 microsecond'",
    "actor": "'user:otro'",
    "actor_name": "'Otra'",
    "actor_grant": "NULL",
    "action": "'orders:cancel'",
    "outcome": "'denied'",
    "subject": "coalesce(subject, '') || 'x'",
    "address": "'10.0.0.1'",
    "request_id": "''",
    "details": '\'{"ruta": "/otra"}\'',
    "previous_hash": OTHER_HASH,
    "hash": OTHER_HASH,
}
FAULTS = {"position": Fault.REORDERED, "seq": Fault.MISSING, "chain": Fault.MISSING}
SWAP = (
    "UPDATE audit_entries SET seq = -seq WHERE chain = 'b' AND seq IN (2, 4);"
    "UPDATE audit_entries SET seq = seq + 6 WHERE chain = 'b' AND seq < 0"
)
INSERTION = (
    "UPDATE audit_entries SET seq = seq + 10 WHERE chain = 'b' AND seq > 1;"
    "UPDATE audit_entries SET seq = seq - 9 WHERE chain = 'b' AND seq > 1;"
    "INSERT INTO audit_entries SELECT 999, chain, 2, at, 'user:otro', actor_name, actor_grant,"
    " action, outcome, subject, address, request_id, details, previous_hash, hash"
    " FROM audit_entries WHERE chain = 'b' AND seq = 1"
)
CHANGES: list[tuple[str, Break]] = [
    *(
        (
            f"UPDATE audit_entries SET {column} = {value} WHERE chain = 'b' AND seq = 3",  # noqa: S608 — constants
            Break("b", 3, FAULTS.get(column, Fault.ALTERED)),
        )
        for column, value in COLUMNS.items()
    ),
    ("DELETE FROM audit_entries WHERE chain = 'b' AND seq = 1", Break("b", 1, Fault.MISSING)),
    ("DELETE FROM audit_entries WHERE chain = 'b' AND seq = 3", Break("b", 3, Fault.MISSING)),
    ("DELETE FROM audit_entries WHERE chain = 'b' AND seq = 5", Break("b", 5, Fault.TRUNCATED)),
    ("DELETE FROM audit_entries WHERE chain = 'b' AND seq > 2", Break("b", 3, Fault.TRUNCATED)),
    ("DELETE FROM audit_entries WHERE chain = 'b'", Break("b", 1, Fault.TRUNCATED)),
    ("TRUNCATE audit_entries", Break("a", 1, Fault.TRUNCATED)),
    ("DELETE FROM audit_heads WHERE chain = 'b'", Break("b", 1, Fault.UNKNOWN)),
    ("UPDATE audit_heads SET seq = 4 WHERE chain = 'b'", Break("b", 5, Fault.UNKNOWN)),
    ("UPDATE audit_heads SET seq = 6 WHERE chain = 'b'", Break("b", 6, Fault.TRUNCATED)),
    (f"UPDATE audit_heads SET hash = {OTHER_HASH}", Break("a", 5, Fault.ALTERED)),  # noqa: S608 — constants
    (SWAP, Break("b", 2, Fault.REORDERED)),
    (INSERTION, Break("b", 2, Fault.REORDERED)),
]


@pytest.fixture(scope="module")
async def trail(postgres_url: str, template_database: str) -> AsyncIterator[Database]:
    """Three chains, their entries interleaved; kept apart so that each test can put them back."""
    async with copied_database(postgres_url, template_database) as url:
        database = Database(url)
        async with database.transaction("test") as session:
            for _ in range(ENTRIES):
                for chain in ("a", "b", "c"):
                    details = {"ruta": "/api/ñandú", "version": 3, "expira": None}
                    entry = AuditEntry.by(ADMIN, Action.UPDATE_ORDER, chain=chain, details=details)
                    await append_audit(session, entry)
            await session.execute(
                text("ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_seq_check")
            )
            for table in TABLES:
                await session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
                await session.execute(text(f"CREATE TABLE kept_{table} AS TABLE {table}"))
        yield database
        await database.dispose()


@pytest.fixture
async def whole(trail: Database) -> Database:
    async with trail.transaction("test") as session:
        for table in TABLES:
            await session.execute(text(f"DELETE FROM {table}"))  # noqa: S608 — constants
            await session.execute(text(f"INSERT INTO {table} SELECT * FROM kept_{table}"))  # noqa: S608 — constants
    return trail


async def verified(database: Database, kept: Checkpoint | None = None) -> Verification:
    async with database.transaction("test") as session:
        position = kept.position if kept else await cut(session)
    async with database.reading() as session:
        return await verify_audit(session, position)


async def checkpoint(database: Database) -> Checkpoint:
    result = await verified(database)
    assert result.holds
    assert result.checkpoint is not None
    return result.checkpoint


async def tamper(database: Database, *statements: Any) -> None:  # noqa: ANN401 — text or statement
    async with database.transaction("test") as session:
        for statement in statements:
            await session.execute(text(statement) if isinstance(statement, str) else statement)


def test_every_column_is_altered() -> None:
    assert COLUMNS.keys() == AuditRow.model_fields.keys()


async def test_an_untouched_trail_holds(whole: Database) -> None:
    result = await verified(whole)
    assert result.holds
    assert (result.entries, result.chains) == (3 * ENTRIES, 3)
    again = await verified(whole)
    assert result.checkpoint is not None
    assert again.checkpoint is not None
    assert again.checkpoint.digest == result.checkpoint.digest


@pytest.mark.parametrize(("change", "found"), CHANGES, ids=[change for change, _ in CHANGES])
async def test_a_change_is_found_and_named(whole: Database, change: str, found: Break) -> None:
    await tamper(whole, *change.split(";"))
    result = await verified(whole)
    assert result.breaks[0] == found
    assert not result.holds
    assert result.broken_chains == len(result.breaks)


@pytest.mark.parametrize("number", [1, 3, ENTRIES])
async def test_one_entry_made_anew_with_its_hash_is_found(whole: Database, number: int) -> None:
    record = (await entries(whole, "b"))[number - 1]
    await tamper(whole, *rechained([replace(record, actor="user:otro")], record.previous_hash))
    assert (await verified(whole)).breaks == [Break("b", number, Fault.ALTERED)]


@pytest.mark.parametrize("first", range(1, ENTRIES + 1))
async def test_a_chain_made_anew_is_found_by_an_older_checkpoint_only(
    whole: Database, first: int
) -> None:
    kept = await checkpoint(whole)
    records = await entries(whole, "b")
    forged = [replace(record, actor="user:otro") for record in records[first - 1 :]]
    statements = rechained(forged, records[first - 1].previous_hash)
    await tamper(
        whole,
        *statements,
        "UPDATE audit_heads SET hash = audit_entries.hash FROM audit_entries"
        " WHERE audit_entries.chain = audit_heads.chain AND audit_entries.seq = audit_heads.seq",
    )
    forged_now = await checkpoint(whole)
    assert forged_now.position == kept.position
    assert forged_now.digest != kept.digest


async def test_a_chain_that_is_gone_with_its_head_is_found_by_an_older_checkpoint_only(
    whole: Database,
) -> None:
    kept = await checkpoint(whole)
    await tamper(
        whole,
        "DELETE FROM audit_entries WHERE chain = 'b'",
        "DELETE FROM audit_heads WHERE chain = 'b'",
    )
    result = await verified(whole, kept)
    assert result.holds
    assert result.checkpoint is not None
    assert result.checkpoint.digest != kept.digest


async def test_a_checkpoint_still_agrees_when_the_trail_has_grown(whole: Database) -> None:
    kept = await checkpoint(whole)
    for table in TABLES:
        await tamper(whole, f"ALTER TABLE {table} ENABLE TRIGGER USER")
    async with whole.transaction("test") as session:
        for chain in ("b", "new"):
            await append_audit(session, AuditEntry.by(ADMIN, Action.UPDATE_ORDER, chain=chain))
    for table in TABLES:
        await tamper(whole, f"ALTER TABLE {table} DISABLE TRIGGER USER")
    result = await verified(whole, kept)
    assert result.holds
    assert result.checkpoint is not None
    assert result.checkpoint.digest == kept.digest
    assert (await checkpoint(whole)).digest != kept.digest


async def entries(database: Database, chain: str) -> list[AuditRecord]:
    async with database.reading() as session:
        return list(await list_audit(session, AuditQuery(chain=chain, after=0)))


def rechained(records: list[AuditRecord], previous: bytes) -> list[Any]:
    """Statements that write `records`, each with the hash that its content and predecessor give."""
    statements: list[Any] = []
    for record in records:
        linked = replace(record, previous_hash=previous)
        previous = entry_hash(linked)
        statements.append(
            update(AuditRow)
            .where(col(AuditRow.position) == record.position)
            .values(actor=linked.actor, previous_hash=linked.previous_hash, hash=previous)
        )
    return statements
