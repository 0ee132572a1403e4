"""How the line is doing now: workers, queue, who waits, what is unsent."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.domain.building import LineMode
from axon_factory.domain.failure import Trouble

_WORKERS = text(
    """
    SELECT count(*) AS known,
           count(*) FILTER (WHERE last_heartbeat > now() - make_interval(secs => :stalled)) AS alive
    FROM procrastinate_workers
    """
)
_QUEUE = text(
    """
    SELECT count(*) FILTER (WHERE status = 'todo') AS todo,
           count(*) FILTER (WHERE status = 'doing') AS doing,
           coalesce(extract(epoch FROM now() - min(coalesce(scheduled_at, queued.at))
               FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now())), 0)
               AS oldest
    FROM procrastinate_jobs
    LEFT JOIN LATERAL (
        SELECT max(at) AS at FROM procrastinate_events WHERE job_id = procrastinate_jobs.id
    ) AS queued ON true
    WHERE status IN ('todo', 'doing')
    """
)
_WAITING = text(
    """
    SELECT order_number FROM orders
    WHERE estado = 'planificacion' AND plan_estado = 'pendiente_aprobacion'
       OR espera IS NOT NULL AND espera <> 'maquina'
    ORDER BY prioridad_rank DESC, created_at LIMIT 100
    """
)
_MACHINE = text(
    """
    SELECT espera_causa ->> 'codigo' AS trouble, count(*) AS orders,
           (array_agg(espera_causa ->> 'mensaje' ORDER BY updated_at DESC))[1] AS message
    FROM orders WHERE espera IS NOT NULL AND espera = 'maquina' GROUP BY 1 ORDER BY 2 DESC, 1
    """
)
_CONTROL = text("SELECT mode, reason, changed_by, changed_at FROM line_controls")
_OUTBOX = text(
    """
    SELECT count(*) AS unsent, coalesce(extract(epoch FROM now() - min(created_at)), 0) AS oldest,
           (array_agg(last_error) FILTER (WHERE last_error IS NOT NULL))[1] AS error,
           (SELECT count(*) FROM outbox_messages
            WHERE sent_at IS NULL AND given_up_at > now() - interval '7 days') AS given_up
    FROM outbox_messages WHERE sent_at IS NULL AND given_up_at IS NULL
    """
)


@dataclass(frozen=True, slots=True)
class HeldOrders:
    """How many orders wait because of one trouble of the machine; `message` is the newest word."""

    trouble: Trouble
    orders: int
    message: str


@dataclass(frozen=True, slots=True)
class LineHealth:
    """One look at the line. Times are seconds that the oldest has waited, 0 when none waits."""

    workers_alive: int
    workers_silent: int
    jobs_waiting: int
    jobs_running: int
    oldest_job_seconds: float
    waiting_for_person: tuple[str, ...]
    """Numbers of the orders that wait for a decision, most urgent first; 100 at most."""
    held: tuple[HeldOrders, ...]
    """Orders that wait for the machine, by its trouble."""
    messages_unsent: int
    oldest_message_seconds: float
    message_error: str | None
    messages_given_up: int
    """Of the last seven days; a person can have them delivered again."""
    mode: LineMode
    mode_reason: str
    mode_by: str | None
    mode_since: datetime | None


async def read_line_health(session: AsyncSession, *, stalled_after: float) -> LineHealth:
    """Look at the line; a worker without a heartbeat for `stalled_after` seconds is silent."""
    workers = await _row(session, _WORKERS, stalled=stalled_after)
    queue = await _row(session, _QUEUE)
    outbox = await _row(session, _OUTBOX)
    control = await _row(session, _CONTROL)
    return LineHealth(
        workers_alive=workers["alive"],
        workers_silent=workers["known"] - workers["alive"],
        jobs_waiting=queue["todo"],
        jobs_running=queue["doing"],
        oldest_job_seconds=float(queue["oldest"]),
        waiting_for_person=tuple(await session.scalars(_WAITING)),
        held=await read_held_orders(session),
        messages_unsent=outbox["unsent"],
        oldest_message_seconds=float(outbox["oldest"]),
        message_error=outbox["error"],
        messages_given_up=outbox["given_up"],
        mode=LineMode(control["mode"]),
        mode_reason=control["reason"],
        mode_by=control["changed_by"],
        mode_since=control["changed_at"],
    )


async def read_held_orders(session: AsyncSession) -> tuple[HeldOrders, ...]:
    """Return the orders that wait for the machine, counted by its trouble."""
    rows = (await session.execute(_MACHINE)).all()
    return tuple(HeldOrders(Trouble(row.trouble), row.orders, row.message) for row in rows)


async def _row(session: AsyncSession, statement: TextClause, **parameters: object) -> RowMapping:
    return (await session.execute(statement, parameters)).mappings().one()
