"""Rescue, sweep and ageing: what keeps the line moving when something died; and tidying up.

Each is idempotent and safe to run in every worker at once.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from psycopg.errors import LockNotAvailable
from sqlalchemy import text

from axon_factory.db.sessions import Database
from axon_factory.domain.building import AGEING_INTERVAL
from axon_factory.jobs.queue import ADVANCE, announce, enqueue_message
from axon_factory.orders.line_mode import enqueue_stranded
from axon_factory.orders.lists.counts import MOST_CHANGES, fold
from axon_factory.orders.notifications.outbox import end_orphans
from axon_factory.orders.policy import Policy
from axon_factory.orders.read import current_mode
from axon_factory.orders.runs.capacity import wake_waiting

_log = structlog.get_logger(__name__)

_STRANDED_MESSAGES = text(
    """
    SELECT id FROM outbox_messages
    WHERE sent_at IS NULL AND given_up_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs
        WHERE lock = 'message:' || outbox_messages.id::text AND status IN ('todo', 'doing')
    )
    """
)
# One statement, so that two workers that rescue at once cannot give back a job that a third has
# taken up again in between. A worker knows better than its heartbeat which jobs it runs: one whose
# end could not be written (the database went away just then) stays "doing" under a worker that
# lives. No step takes longer than the limit.
_RESCUE = text(
    """
    UPDATE procrastinate_jobs
    SET status = 'todo', worker_id = NULL, scheduled_at = NULL, attempts = attempts + 1
    WHERE status = 'doing' AND (
        NOT EXISTS (
            SELECT 1 FROM procrastinate_workers
            WHERE id = procrastinate_jobs.worker_id
              AND last_heartbeat >= now() - make_interval(secs => :stalled_after)
        )
        OR id = ANY (:dropped)
        OR (
            SELECT max(at) FROM procrastinate_events
            WHERE job_id = procrastinate_jobs.id AND type = 'started'
        ) < now() - make_interval(secs => :limit)
    )
    RETURNING id
    """
)
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('axon.sweep', 0))")
_RUNNING = text("SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = :worker")
# A bulk act holds the jobs of many orders: a worker that waited for one while holding others
# could wait in a circle. What is locked now is aged next time.
_AGE = text(
    """
    WITH aged AS (
        SELECT procrastinate_jobs.id, rise.priority
        FROM procrastinate_jobs JOIN orders ON orders.id = (args ->> 'order_id')::uuid
        CROSS JOIN LATERAL (
            SELECT 10 * least(3, orders.prioridad_rank
                + floor(extract(epoch FROM now() - orders.created_at) / :interval)::integer)
                AS priority
        ) AS rise
        WHERE task_name = :task AND status = 'todo' AND orders.estado = 'nuevo'
          AND procrastinate_jobs.priority < rise.priority
        FOR UPDATE OF procrastinate_jobs SKIP LOCKED
    )
    UPDATE procrastinate_jobs SET priority = aged.priority FROM aged
    WHERE procrastinate_jobs.id = aged.id
    """
)
_FORGET = text("DELETE FROM idempotency_keys WHERE expires_at < now()")


async def jobs_in_name_of(database: Database, worker_id: int) -> frozenset[int]:
    """Return the jobs that the database believes to be running in this worker."""
    async with database.reading() as session:
        found = await session.scalars(_RUNNING, {"worker": worker_id})
        return frozenset(found)


async def rescue_stalled_jobs(
    database: Database,
    *,
    stalled_after: float,
    longest_step: float,
    dropped: Collection[int] = (),
) -> int:
    """Give back the jobs of workers without a heartbeat for `stalled_after` seconds.

    Also jobs that have been running for longer than `longest_step` seconds allows, and jobs that
    the caller knows to be `dropped`. Returns how many were given back. No queueing lock is used on
    them, so giving back cannot collide.
    """
    async with database.transaction("maintenance") as session:
        given_back = await session.scalars(
            _RESCUE,
            {"stalled_after": stalled_after, "limit": 2 * longest_step, "dropped": list(dropped)},
        )
        rescued = list(given_back)
        for job_id in rescued:
            await announce(session, job_id)
    if rescued:
        _log.warning("jobs rescued", count=len(rescued))
    return len(rescued)


async def sweep(database: Database, policy: Policy, *, afresh: bool = False) -> int:
    """Enqueue the orders and messages that should have a job and have none; return how many.

    An order that waits for a person, for a place or for the line to run on has none by right.
    `afresh`: look also at orders that wait for approval, which other settings may have made due
    (`ApprovalRules.approves_itself`). One
    worker at a time sweeps; for the others there is nothing to do.
    """
    async with database.transaction("maintenance") as session:
        if not await session.scalar(_ALONE):
            return 0
        mode = await current_mode(session)
        rules = policy.approval if afresh else None
        found = await enqueue_stranded(session, mode, approval=rules)
        await wake_waiting(session, policy.limits, datetime.now(UTC))
        for (message_id,) in (await session.execute(_STRANDED_MESSAGES)).all():
            await enqueue_message(session, message_id)
            found += 1
    if found:
        _log.warning("stranded work enqueued", count=found)
    return found


async def age_waiting_orders(database: Database) -> None:
    """Raise the job priority of orders that wait, one rank an interval (resolutions 6)."""
    async with database.transaction("maintenance") as session:
        await session.execute(_AGE, {"interval": AGEING_INTERVAL.total_seconds(), "task": ADVANCE})


async def fold_list_changes(database: Database) -> None:
    """Fold what changed into the counts that the totals of lists are summed from (ADR 43).

    Lists are exact without it too; they get slower with each change that is not folded.
    """
    changes = MOST_CHANGES
    with suppress(LockNotAvailable):  # another worker folds
        while changes == MOST_CHANGES:
            async with database.transaction("maintenance") as session:
                changes = await fold(session)


async def forget_expired_keys(database: Database) -> None:
    """Delete the answers that were kept for an `Idempotency-Key` (resolutions 17)."""
    async with database.transaction("maintenance") as session:
        await session.execute(_FORGET)


async def switch_off_orphans(database: Database) -> None:
    """Switch off the webhooks of API keys that were revoked or have expired."""
    async with database.transaction("maintenance") as session:
        await end_orphans(session, datetime.now(UTC))
