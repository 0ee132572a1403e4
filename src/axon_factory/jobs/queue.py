"""Enqueue jobs in the caller's own transaction (decision 3).

Two kinds exist: `advance` moves one order one step, `send_message` empties one row of the outbox.
Both are idempotent, so a job too many is harmless and a lost one is found by the sweep.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.pipeline import send

ADVANCE = "advance"
SEND_MESSAGE = "send_message"

PRIORITIES_A_RANK = 10
_MESSAGE_PRIORITY = 100  # a message is short and somebody waits for it
_HELD = "held_advance"
_RETRY_PRIORITY = 0  # the other side is down: a queue of tries, each to its deadline, holds up none

# Procrastinate runs the jobs of one lock in order, so a job scheduled for later would hold back one
# that is due now: the waiting one is pulled forward instead. Its row stays locked until we commit,
# so no worker can take it before the change that it is about is visible.
_ENQUEUE = text(
    """
    WITH pulled AS (
        UPDATE procrastinate_jobs SET scheduled_at = NULL, priority = greatest(priority, :priority)
        WHERE lock = :lock AND status = 'todo' RETURNING id
    ), first AS (SELECT min(id) AS id FROM pulled)
    SELECT CASE WHEN id IS NULL THEN procrastinate_defer_jobs_v1(ARRAY[ROW(
        'default', :task, :priority, :lock, NULL, CAST(:args AS jsonb), NULL
    )::procrastinate_job_to_defer_v1]) END,
    CASE WHEN id IS NOT NULL THEN pg_notify('procrastinate_any_queue_v1',
        json_build_object('type', 'job_inserted', 'job_id', id)::text) END
    FROM first
    """
)
_DEFER = text(
    """
    SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(
        'default', :task, :priority, :lock, NULL, CAST(:args AS jsonb), CAST(:at AS timestamptz)
    )::procrastinate_job_to_defer_v1])
    """
)
# Rows that others hold are skipped: this locks many, and their holders see to their own orders.
_PULL_MANY = text(
    """
    WITH later AS (
        SELECT id FROM procrastinate_jobs
        WHERE lock = ANY (:locks) AND status = 'todo' AND scheduled_at > now()
        FOR UPDATE SKIP LOCKED
    )
    UPDATE procrastinate_jobs SET scheduled_at = NULL FROM later
    WHERE procrastinate_jobs.id = later.id RETURNING procrastinate_jobs.id
    """
)
_ENQUEUE_MANY = text(
    """
    SELECT coalesce(cardinality(procrastinate_defer_jobs_v1(array_agg(ROW(
        'default', :task, rank * :a_rank, 'order:' || id::text, NULL,
        jsonb_build_object('order_id', id::text), NULL
    )::procrastinate_job_to_defer_v1 ORDER BY place))), 0)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:ranks AS integer[])) WITH ORDINALITY
        AS wanted(id, rank, place)
    WHERE NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs
        WHERE lock = 'order:' || wanted.id::text AND status = 'todo'
    )
    """
)
_WAKE = text(
    """
    SELECT pg_notify('procrastinate_any_queue_v1',
                     json_build_object('type', 'job_inserted', 'job_id', CAST(:id AS bigint))::text)
    """
)
ENQUEUE = """
    SELECT cardinality(procrastinate_defer_jobs_v1(array_agg(
        ROW('default', task, priority, lock, NULL, args, NULL)::procrastinate_job_to_defer_v1
    )))
    FROM (
        SELECT job.* FROM given, jsonb_to_recordset(given.rows -> 'jobs')
            AS job(task text, priority integer, lock text, args jsonb)
        UNION ALL
        SELECT job.* FROM given, jsonb_to_recordset(given.rows -> 'wakes')
            AS job(task text, priority integer, lock text, args jsonb)
        WHERE NOT EXISTS (SELECT FROM pulled WHERE pulled.lock = job.lock)
    ) AS job
"""
"""Enqueues the `jobs` of a batch (`db.row_batches`), and of its `wakes` what `PULLED` left."""
PULLED = """
    UPDATE procrastinate_jobs AS job
    SET scheduled_at = NULL, priority = greatest(job.priority, wake.priority)
    FROM given, jsonb_to_recordset(given.rows -> 'wakes') AS wake(priority integer, lock text)
    WHERE job.lock = wake.lock AND job.status = 'todo' RETURNING job.lock, job.id
"""
"""The expression `pulled`: makes due the jobs that wait already for the `wakes` of a batch."""
ANNOUNCE = """
    SELECT count(pg_notify('procrastinate_any_queue_v1',
        json_build_object('type', 'job_inserted', 'job_id', id)::text))
    FROM (SELECT id FROM pulled LIMIT 1) AS one
"""
"""Wakes the workers if `PULLED` made any job due."""
_CHANGE_PRIORITY = text(
    "UPDATE procrastinate_jobs SET priority = :priority WHERE lock = :lock AND status = 'todo'"
)


def advance_lock(order_id: UUID) -> str:
    """Return the lock's name that keeps two advances of one order from running at once."""
    return f"order:{order_id}"


async def enqueue_advance(
    session: AsyncSession, order_id: UUID, *, rank: int, at: datetime | None = None
) -> None:
    """Enqueue the order's next advance: now, or not before `at`. `rank` is the priority's, 0 to 3.

    At most one advance of an order waits at any time. Within `hold_advance` it is only noted that
    one is wanted now.
    """
    held = session.info.get(_HELD)
    if at is None and isinstance(held, HeldAdvance) and held.order_id == order_id:
        held.wanted = True
        return
    await _enqueue(
        session,
        task=ADVANCE,
        lock=advance_lock(order_id),
        priority=rank * PRIORITIES_A_RANK,
        args={"order_id": str(order_id)},
        at=at,
    )


@dataclass(slots=True)
class HeldAdvance:
    """An advance that runs now, in the transaction: what is due next needs no job of its own."""

    order_id: UUID
    wanted: bool = False
    """Whether the order's next advance is due now."""


def hold_advance(session: AsyncSession, order_id: UUID) -> HeldAdvance:
    """Take over the order's next advance for the rest of the transaction.

    The caller does it, or ends this with `release_advance` and enqueues it.
    """
    session.info[_HELD] = held = HeldAdvance(order_id)
    return held


def release_advance(session: AsyncSession) -> None:
    """End `hold_advance`."""
    session.info.pop(_HELD, None)


async def enqueue_advances(session: AsyncSession, orders: Sequence[tuple[UUID, int]]) -> int:
    """Enqueue an advance of each order (id and rank) that has no waiting job; return how many.

    One statement for any number. It locks no row of another order's job. A job that
    runs already does not count: it may have looked before what this is about.
    """
    if not orders:
        return 0
    parameters = {
        "task": ADVANCE,
        "a_rank": PRIORITIES_A_RANK,
        "ids": [order_id for order_id, _ in orders],
        "ranks": [rank for _, rank in orders],
    }
    return await session.scalar(_ENQUEUE_MANY, parameters) or 0


async def pull_forward(session: AsyncSession, orders: Sequence[UUID]) -> None:
    """Make the scheduled jobs of these orders due now."""
    locks = [advance_lock(order_id) for order_id in orders]
    pulled = list(await session.scalars(_PULL_MANY, {"locks": locks}))
    if pulled:
        await announce(session, pulled[0])


async def change_priority(session: AsyncSession, order_id: UUID, *, rank: int) -> None:
    """Give the order's waiting job its new place in the queue, higher or lower."""
    parameters = {"lock": advance_lock(order_id), "priority": rank * PRIORITIES_A_RANK}
    await session.execute(_CHANGE_PRIORITY, parameters)


async def announce(session: AsyncSession, job_id: int) -> None:
    """Wake the workers for a job that was made ready otherwise than by inserting it."""
    await session.execute(_WAKE, {"id": job_id})


async def enqueue_message(
    session: AsyncSession, message_id: UUID, *, at: datetime | None = None
) -> None:
    """Enqueue the delivery of one outbox message: now, or not before `at`.

    At most one delivery of a message waits at any time, as with `enqueue_advance`.
    """
    await _enqueue(
        session,
        task=SEND_MESSAGE,
        lock=f"message:{message_id}",
        priority=_MESSAGE_PRIORITY if at is None else _RETRY_PRIORITY,
        args={"message_id": str(message_id)},
        at=at,
    )


def advance_job(order_id: UUID, *, rank: int) -> dict[str, object]:
    """Return the row of an order's advance, for the `jobs` or `wakes` of a batch.

    Only a `wakes` row looks for a job that waits already. A new order has none.
    """
    return {
        "task": ADVANCE,
        "priority": rank * PRIORITIES_A_RANK,
        "lock": advance_lock(order_id),
        "args": {"order_id": str(order_id)},
    }


def message_job(message_id: UUID) -> dict[str, object]:
    """Return the row of the delivery of a new message, for the `jobs` of a batch."""
    return {
        "task": SEND_MESSAGE,
        "priority": _MESSAGE_PRIORITY,
        "lock": f"message:{message_id}",
        "args": {"message_id": str(message_id)},
    }


async def _enqueue(
    session: AsyncSession,
    *,
    task: str,
    lock: str,
    priority: int,
    args: Mapping[str, str],
    at: datetime | None,
) -> None:
    """Enqueue one job with Procrastinate's own function; now, the one that waits goes first."""
    parameters: dict[str, object] = {
        "task": task,
        "lock": lock,
        "priority": priority,
        "args": json.dumps(args),
    }
    if at is None:
        await send(session, _ENQUEUE, parameters)
    else:
        await send(session, _DEFER, {**parameters, "at": at})
