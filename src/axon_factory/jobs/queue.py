"""Enqueue jobs in the caller's own transaction (decision 3).

Two kinds exist: `advance` moves one order one step, `send_message` empties one row of the outbox.
Both are idempotent, so a job too many is harmless and a lost one is found by the sweep.
"""

from datetime import datetime
from uuid import UUID

from procrastinate import App, PsycopgConnector
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import driver_connection

__all__ = [
    "ADVANCE",
    "SEND_MESSAGE",
    "advance_lock",
    "announce",
    "change_priority",
    "count_ahead",
    "enqueue_advance",
    "enqueue_message",
]

ADVANCE = "advance"
SEND_MESSAGE = "send_message"

_PRIORITIES_A_RANK = 10
_MESSAGE_PRIORITY = 100  # a message is short and somebody waits for it
_RETRY_PRIORITY = 0  # the other side is down: a queue of tries, each to its deadline, holds up none

# Deferring runs on the caller's connection; the app's own connector is never opened.
_app = App(connector=PsycopgConnector())

# Procrastinate runs the jobs of one lock in order, so a job scheduled for later would hold back one
# that is due now: the waiting one is pulled forward instead. Its row stays locked until we commit,
# so no worker can take it before the change that it is about is visible.
_PULL_FORWARD = text(
    """
    UPDATE procrastinate_jobs SET scheduled_at = NULL, priority = greatest(priority, :priority)
    WHERE lock = :lock AND status = 'todo' RETURNING id
    """
)
_WAKE = text(
    """
    SELECT pg_notify('procrastinate_any_queue_v1',
                     json_build_object('type', 'job_inserted', 'job_id', CAST(:id AS bigint))::text)
    """
)
_CHANGE_PRIORITY = text(
    "UPDATE procrastinate_jobs SET priority = :priority WHERE lock = :lock AND status = 'todo'"
)
_AHEAD = text(
    """
    SELECT count(*) FROM procrastinate_jobs
    WHERE status = 'todo' AND task_name = :task AND priority >= :priority
      AND (scheduled_at IS NULL OR scheduled_at <= now())
    """
)


def advance_lock(order_id: UUID) -> str:
    """Return the lock's name that keeps two advances of one order from running at once."""
    return f"order:{order_id}"


async def enqueue_advance(
    session: AsyncSession, order_id: UUID, *, rank: int, at: datetime | None = None
) -> None:
    """Enqueue the order's next advance: now, or not before `at`. `rank` is the priority's, 0 to 3.

    At most one advance of an order waits at any time.
    """
    lock = advance_lock(order_id)
    priority = rank * _PRIORITIES_A_RANK
    if at is None and await _pull_forward(session, lock, priority):
        return
    await _app.configure_task(
        ADVANCE,
        lock=lock,
        priority=priority,
        schedule_at=at,
        connection=await driver_connection(session),
    ).defer_async(order_id=str(order_id))


async def change_priority(session: AsyncSession, order_id: UUID, *, rank: int) -> None:
    """Give the order's waiting job its new place in the queue, higher or lower."""
    parameters = {"lock": advance_lock(order_id), "priority": rank * _PRIORITIES_A_RANK}
    await session.execute(_CHANGE_PRIORITY, parameters)


async def count_ahead(session: AsyncSession, *, rank: int) -> int:
    """Return how many orders a worker takes before one that is enqueued now with `rank`."""
    priority = rank * _PRIORITIES_A_RANK
    return await session.scalar(_AHEAD, {"task": ADVANCE, "priority": priority}) or 0


async def announce(session: AsyncSession, job_id: int) -> None:
    """Wake the workers for a job that was made ready otherwise than by inserting it."""
    await session.execute(_WAKE, {"id": job_id})


async def enqueue_message(
    session: AsyncSession, message_id: UUID, *, at: datetime | None = None
) -> None:
    """Enqueue the delivery of one outbox message: now, or not before `at`.

    At most one delivery of a message waits at any time, as with `enqueue_advance`.
    """
    lock = f"message:{message_id}"
    if at is None and await _pull_forward(session, lock, _MESSAGE_PRIORITY):
        return
    await _app.configure_task(
        SEND_MESSAGE,
        lock=lock,
        priority=_MESSAGE_PRIORITY if at is None else _RETRY_PRIORITY,
        schedule_at=at,
        connection=await driver_connection(session),
    ).defer_async(message_id=str(message_id))


async def _pull_forward(session: AsyncSession, lock: str, priority: int) -> bool:
    """Make the job that waits under `lock` due now; False if none does."""
    found = await session.execute(_PULL_FORWARD, {"lock": lock, "priority": priority})
    pulled = found.scalars().first()
    if pulled is None:
        return False
    await announce(session, pulled)
    return True
