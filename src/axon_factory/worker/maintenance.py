"""Rescue, sweep and ageing: what keeps the line moving when something died.

Each is idempotent and safe to run in every worker at once.
"""

from datetime import UTC, datetime, timedelta

import structlog
from procrastinate.manager import JobManager
from sqlalchemy import text

from axon_factory.db.sessions import Database
from axon_factory.domain.priority import AGEING_INTERVAL
from axon_factory.jobs.queue import ADVANCE, enqueue_advance, enqueue_message
from axon_factory.orders.policy import Policy

__all__ = ["age_waiting_orders", "rescue_stalled_jobs", "sweep"]

_log = structlog.get_logger(__name__)

_STRANDED_ORDERS = text(
    """
    SELECT id, prioridad_rank FROM orders
    WHERE (
        (estado IN ('nuevo', 'construccion', 'qa', 'listo') AND espera IS NULL)
        OR (estado = 'planificacion'
            AND (plan_estado <> 'pendiente_aprobacion' OR tipo_producto = ANY (:auto_approve)))
        OR (estado IN ('cancelado', 'fallido') AND (session_open OR deployment_open))
    ) AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs
        WHERE lock = 'order:' || orders.id::text AND status IN ('todo', 'doing')
    )
    """
)
_STRANDED_MESSAGES = text(
    """
    SELECT id FROM outbox_messages
    WHERE sent_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs
        WHERE lock = 'message:' || outbox_messages.id::text AND status IN ('todo', 'doing')
    )
    """
)
# A job whose end could not be written stays "doing" under a worker that lives; no step takes
# longer than the limit, so such a job is nobody's.
_FORGOTTEN_JOBS = text(
    """
    UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL, scheduled_at = NULL
    WHERE status = 'doing' AND (
        SELECT max(at) FROM procrastinate_events
        WHERE job_id = procrastinate_jobs.id AND type = 'started'
    ) < now() - make_interval(secs => :limit)
    RETURNING id
    """
)
_AGE = text(
    """
    UPDATE procrastinate_jobs SET priority = 10 * least(3,
        orders.prioridad_rank
        + floor(extract(epoch FROM now() - orders.created_at) / :interval)::integer)
    FROM orders
    WHERE task_name = :task AND status = 'todo' AND orders.id = (args ->> 'order_id')::uuid
      AND orders.estado = 'nuevo'
      AND priority < 10 * least(3,
        orders.prioridad_rank
        + floor(extract(epoch FROM now() - orders.created_at) / :interval)::integer)
    """
)


async def rescue_stalled_jobs(
    manager: JobManager, database: Database, *, stalled_after: float, longest_step: float
) -> int:
    """Give back the jobs of workers without a heartbeat for `stalled_after` seconds.

    Also those that have been running for longer than `longest_step` seconds allows. Returns how
    many were given back. No queueing lock is used on them, so giving back cannot collide.
    """
    rescued = 0
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=stalled_after):
        await manager.retry_job(job, retry_at=datetime.now(UTC) - timedelta(seconds=1))
        rescued += 1
    async with database.transaction("maintenance") as session:
        forgotten = await session.execute(_FORGOTTEN_JOBS, {"limit": 2 * longest_step})
        rescued += len(forgotten.all())
    if rescued:
        _log.warning("jobs rescued", count=rescued)
    return rescued


async def sweep(database: Database, policy: Policy) -> int:
    """Enqueue the orders and messages that should have a job and have none; return how many.

    An order that waits for a person has none by right.
    """
    async with database.transaction("maintenance") as session:
        orders = await session.execute(
            _STRANDED_ORDERS, {"auto_approve": sorted(policy.auto_approve)}
        )
        found = 0
        for order_id, rank in orders.all():
            await enqueue_advance(session, order_id, rank=rank)
            found += 1
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
