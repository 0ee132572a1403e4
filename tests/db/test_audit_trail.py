"""Appending: chains without gaps or forks under concurrent writers, and nothing but appending."""

import asyncio
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from axon_factory.db.audit import (
    AuditQuery,
    Verification,
    append_audit,
    cut,
    list_audit,
    verify_audit,
)
from axon_factory.db.sessions import Database
from axon_factory.domain.audit import ACCESS_CHAIN, AuditEntry
from axon_factory.domain.permissions import Action
from tests.support.workshop import ADMIN

WRITERS = 50
APPEND_ONLY, DOES_NOT_FOLLOW = "23001", "23000"


async def append(database: Database, chain: str, **details: str) -> None:
    async with database.transaction("test") as session:
        entry = AuditEntry.by(ADMIN, Action.UPDATE_ORDER, chain=chain, details=details)
        await append_audit(session, entry)


async def verified(database: Database) -> Verification:
    async with database.transaction("test") as session:
        position = await cut(session)
    async with database.reading() as session:
        return await verify_audit(session, position)


async def test_writers_of_one_chain_and_of_many_leave_no_gap_and_no_fork(
    database: Database,
) -> None:
    chains = [str(uuid4()) for _ in range(WRITERS)]
    async with asyncio.TaskGroup() as writers:
        for chain in chains:
            writers.create_task(append(database, ACCESS_CHAIN))
            writers.create_task(append(database, chain))
    async with database.reading() as session:
        one = await list_audit(session, AuditQuery(chain=ACCESS_CHAIN, limit=1000))
    assert sorted(record.seq for record in one) == list(range(1, WRITERS + 1))
    assert [record.at for record in one] == sorted((r.at for r in one), reverse=True)
    result = await verified(database)
    assert (result.entries, result.chains) == (2 * WRITERS, WRITERS + 1)
    assert result.holds
    assert result.checkpoint is not None
    assert (result.checkpoint.entries, result.checkpoint.chains) == (2 * WRITERS, WRITERS + 1)


async def test_what_was_rolled_back_leaves_no_gap(database: Database) -> None:
    await append(database, "a")
    async with database.reading() as session:  # which never commits
        await append_audit(session, AuditEntry.by(ADMIN, Action.UPDATE_ORDER, chain="a"))
    await append(database, "a")
    async with database.reading() as session:
        assert [record.seq for record in await list_audit(session, AuditQuery())] == [2, 1]
    assert (await verified(database)).holds


async def test_a_cut_waits_for_writers_and_they_for_it(database: Database) -> None:
    async with database.transaction("test") as session:
        await append_audit(session, AuditEntry.by(ADMIN, Action.UPDATE_ORDER, chain="a"))
        cutting = asyncio.create_task(verified(database))
        await _until_waiting(database)
        late = asyncio.create_task(append(database, "b"))
        await _until_waiting(database, sessions=2)
    result = await cutting
    await late
    assert result.checkpoint is not None
    assert result.checkpoint.entries == 1


async def test_an_entry_holds_small_facts_only(database: Database) -> None:
    with pytest.raises(ValueError, match="password"):
        await append(database, "a", password="x")
    await append(database, "a", ruta="x\x00\ud800" + "y" * 500)
    async with database.reading() as session:
        (record,) = await list_audit(session, AuditQuery())
    assert record.details["ruta"].startswith("x��yyy")
    assert len(record.details["ruta"]) == 200
    assert (await verified(database)).holds


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET actor = 'otro'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "DELETE FROM audit_heads",
        "TRUNCATE audit_heads",
    ],
)
async def test_triggers_refuse_even_the_owner(database: Database, statement: str) -> None:
    await append(database, "a")
    assert await _refusal(database, statement) == APPEND_ONLY


@pytest.mark.parametrize("change", ["seq = 3", "seq = 1", "hash = decode(repeat('11', 32), 'hex')"])
async def test_an_entry_must_follow_the_head(database: Database, change: str) -> None:
    await append(database, "a")
    column, _, value = change.partition(" = ")
    target = "previous_hash" if column == "hash" else column
    values = {"position": "9", "seq": "2", "previous_hash": "hash", target: value}
    columns = "chain, at, actor, actor_name, action, outcome, details, hash"
    statement = (
        f"INSERT INTO audit_entries ({columns}, {', '.join(values)}) "  # noqa: S608 — constants
        f"SELECT {columns}, {', '.join(values.values())} FROM audit_entries"
    )
    assert await _refusal(database, statement) == DOES_NOT_FOLLOW


async def _refusal(database: Database, statement: str) -> str | None:
    async with database.reading() as session:
        with pytest.raises(DatabaseError) as refusal:
            await session.execute(text(statement))
    assert isinstance(refusal.value.orig, psycopg.Error)
    return refusal.value.orig.sqlstate


async def _until_waiting(database: Database, sessions: int = 1) -> None:
    query = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    waiting = 0
    async with asyncio.timeout(10):
        while waiting < sessions:
            async with database.reading() as session:
                waiting = await session.scalar(query)
