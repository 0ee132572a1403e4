"""Two requests about one order that meet: both wait for its row before either has it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx2
import psycopg
from sqlalchemy import text

from tests.support.workshop import Workshop

__all__ = ["Sending", "Watch", "collide", "watching"]

Sending = Callable[[], Coroutine[Any, Any, httpx2.Response]]
Watch = Callable[[int, int], Awaitable[None]]
_HOLD = text("SELECT 1 FROM orders WHERE id = :id FOR UPDATE")
_OWN_PROCESS = text("SELECT pg_backend_pid()")
# The second in the queue waits for the first one's turn, not for the holder itself.
_WAITING = """
    WITH RECURSIVE waiting(pid) AS (
        VALUES (CAST(%(holder)s AS integer))
        UNION
        SELECT a.pid FROM waiting w JOIN pg_stat_activity a
        ON a.wait_event_type = 'Lock' AND w.pid = ANY (pg_blocking_pids(a.pid))
    )
    SELECT count(*) - 1 FROM waiting
    """


async def collide(
    workshop: Workshop,
    order_id: UUID,
    sending: Sequence[Sending],
    watch: Watch,
    turns: Sequence[int] = (0, 1),
) -> list[httpx2.Response]:
    """Hold the order's row, send each once the one before waits for it, and let go.

    `turns` says which is sent first. The answers come in the order of `sending`.
    """
    sent: dict[int, asyncio.Task[httpx2.Response]] = {}
    async with workshop.container.database.reading() as holder, asyncio.TaskGroup() as group:
        await holder.execute(_HOLD, {"id": order_id})
        process = await holder.scalar(_OWN_PROCESS)
        for turn in turns:
            sent[turn] = group.create_task(sending[turn]())
            await watch(process, len(sent))
        await holder.rollback()
    return [sent[turn].result() for turn in sorted(sent)]


@asynccontextmanager
async def watching(workshop: Workshop) -> AsyncGenerator[Watch]:
    """Yield a function that waits until so many wait for what a process of the server holds."""
    url = workshop.container.database.url
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

        async def watch(holder: int, count: int) -> None:
            async with asyncio.timeout(60):  # one that does not wait has no lock
                while True:
                    found = await connection.execute(_WAITING, {"holder": holder})
                    row = await found.fetchone()
                    if row and row[0] >= count:
                        return
                    await asyncio.sleep(0.005)  # the question costs the server more than a lock

        yield watch
