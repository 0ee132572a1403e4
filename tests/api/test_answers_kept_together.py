"""Answers that one statement keeps are read and replaced like those that were kept alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from axon_factory.api.idempotency import (
    KEPT,
    KeptAnswer,
    RequestKey,
    are_unused,
    keep_answer,
    kept_answer,
    kept_row,
)
from axon_factory.db.row_batches import RowBatch, write_statement
from axon_factory.db.sessions import Database
from tests.support.workshop import Workshop

NOW = datetime.now(UTC)
WRITE = write_statement([KEPT])
ANSWER = KeptAnswer(201, {"Location": "/x", "ETag": '"2"'}, '{"message":"ñandú"}')


def key(name: str) -> RequestKey:
    return RequestKey("key:abc", name, b"\x00\xff" * 16)


async def keep(workshop: Workshop, keys: Sequence[RequestKey], now: datetime) -> None:
    rows = RowBatch()
    for one in keys:
        rows.add(KEPT.name, kept_row(one, ANSWER, workshop.container.secret_box, now, uuid4()))
    async with workshop.container.database.raw_transaction("test") as connection:
        await connection.execute(WRITE, {"rows": rows.document()})


async def look(database: Database, keys: Sequence[RequestKey]) -> list[bool]:
    async with database.raw_transaction("test") as connection:
        return await are_unused(connection, keys, NOW)


async def test_an_answer_that_was_kept_with_others_is_found(wiped_workshop: Workshop) -> None:
    database, box = wiped_workshop.container.database, wiped_workshop.container.secret_box
    keys = [key("a"), key('"b"'), key("c:|")]
    await keep(wiped_workshop, keys, NOW)
    async with database.transaction("test") as session:
        assert [await kept_answer(session, one, box) for one in keys] == [ANSWER] * 3


async def test_a_key_is_free_unless_it_is_answered_or_held(wiped_workshop: Workshop) -> None:
    database, box = wiped_workshop.container.database, wiped_workshop.container.secret_box
    answered, expired, alone, held, free = (key(name) for name in "abcde")
    await keep(wiped_workshop, [answered], NOW)
    await keep(wiped_workshop, [expired], NOW - timedelta(hours=25))
    async with database.transaction("test") as session:
        await keep_answer(session, alone, ANSWER, box)
    async with database.transaction("test") as session:
        assert await kept_answer(session, held, box) is None
        keys = [answered, expired, alone, held, free]
        assert await look(database, keys) == [False, True, False, False, True]
    assert await look(database, [held]) == [True]
    await keep(wiped_workshop, [expired], NOW)
    assert await look(database, [expired]) == [False]
