"""Who works on the line now and on what: workers, running steps, and the queue by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["LineWork", "QueuedOrder", "RunningStep", "WorkerSign", "read_line_work"]

_MOST_ROWS = 50
_WORKERS = text(
    """
    SELECT w.id, w.last_heartbeat,
           w.last_heartbeat > now() - make_interval(secs => :stalled) AS alive,
           count(j.id) AS jobs
    FROM procrastinate_workers w
    LEFT JOIN procrastinate_jobs j ON j.worker_id = w.id AND j.status = 'doing'
    GROUP BY w.id ORDER BY alive DESC, w.id LIMIT :most
    """
)
# A turn of an order is one job with many steps. Between two steps the job's own start is shown.
_RUNNING = text(
    """
    SELECT o.id, o.order_number, o.nombre_producto, s.step, j.worker_id,
           coalesce(s.started_at, (
               SELECT max(e.at) FROM procrastinate_events e
               WHERE e.job_id = j.id AND e.type = 'started'
           )) AS since
    FROM procrastinate_jobs j
    JOIN orders o ON j.lock = 'order:' || o.id::text
    LEFT JOIN LATERAL (
        SELECT step, started_at FROM order_steps
        WHERE order_id = o.id AND finished_at IS NULL ORDER BY started_at DESC LIMIT 1
    ) s ON true
    WHERE j.status = 'doing' AND j.task_name = 'advance'
    ORDER BY since NULLS LAST, o.order_number LIMIT :most
    """
)
_QUEUED = text(
    """
    SELECT id, order_number, nombre_producto, queued_at FROM orders
    WHERE queued_at IS NOT NULL
    ORDER BY prioridad_rank DESC, queued_at, order_number LIMIT :most
    """
)


@dataclass(frozen=True, slots=True)
class WorkerSign:
    """One worker that the database knows."""

    number: int
    last_sign: datetime
    alive: bool
    jobs: int
    """Jobs that it runs now, messages included."""


@dataclass(frozen=True, slots=True)
class RunningStep:
    """An order that a worker has in its hands."""

    order_id: UUID
    order_number: str
    product_name: str
    step: str | None
    """The step's key, None between two steps."""
    worker: int | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class QueuedOrder:
    """An order that waits for a place."""

    order_id: UUID
    order_number: str
    product_name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LineWork:
    """One look at who works; 50 rows of each at most, running steps the oldest first."""

    workers: Sequence[WorkerSign]
    steps: Sequence[RunningStep]
    queue: Sequence[QueuedOrder]
    """In the order in which places are given."""


async def read_line_work(session: AsyncSession, *, stalled_after: float) -> LineWork:
    """Look who works; a worker without a heartbeat for `stalled_after` seconds is not alive."""
    most = {"most": _MOST_ROWS}
    workers = await session.execute(_WORKERS, {"stalled": stalled_after, **most})
    steps = await session.execute(_RUNNING, most)
    queue = await session.execute(_QUEUED, most)
    return LineWork(
        [WorkerSign(*row) for row in workers],
        [RunningStep(*row) for row in steps],
        [QueuedOrder(*row) for row in queue],
    )
