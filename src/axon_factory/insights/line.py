"""Figures about the line: what is built and waits, workers, queue, and what is unsent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.domain.building import LineMode
from axon_factory.domain.failure import Trouble

_BUILDING = text(
    """
    SELECT o.tipo_producto, count(*) AS places,
           count(*) FILTER (WHERE s.stop_requested_at IS NOT NULL) AS stopping
    FROM order_sessions s JOIN orders o ON o.id = s.order_id
    WHERE s.ended_at IS NULL GROUP BY 1 ORDER BY 1
    """
)
_QUEUED = text(
    "SELECT count(*) AS orders, min(queued_at) AS since FROM orders WHERE queued_at IS NOT NULL"
)
_BEGUN = text(
    """
    SELECT count(*) FROM orders
    WHERE (espera IS NULL OR espera = 'maquina') AND (
        estado IN ('qa', 'listo')
        OR estado = 'construccion' AND (session_id IS NOT NULL OR EXISTS (
            SELECT FROM order_sessions s WHERE s.order_id = orders.id
        ))
    )
    """
)
_PEOPLE = text(
    """
    SELECT count(*) AS orders, min(updated_at) AS since FROM (
        SELECT updated_at FROM orders
        WHERE estado = 'planificacion' AND plan_estado = 'pendiente_aprobacion'
          AND espera IS NULL
        UNION ALL
        SELECT updated_at FROM orders WHERE espera IS NOT NULL AND espera <> 'maquina'
    ) AS waiting
    """
)
_UNBEGUN = text(
    """
    SELECT count(*) FROM orders
    WHERE estado = 'nuevo' AND espera IS NULL AND queued_at IS NULL
    """
)
_RUNNING = text(
    "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND task_name = 'advance'"
)


@dataclass(frozen=True, slots=True)
class LineStatus:
    """One look at the line. A time is since when the longest-waiting order waits."""

    new: int
    """Orders without a plan."""
    building: Mapping[str, int]
    """Product type to places taken; a session that is being stopped still takes one."""
    stopping: int
    queued: int
    queued_since: datetime | None
    waiting_for_people: int
    waiting_since: datetime | None
    steps_running: int
    to_finish: int
    """Orders that were begun and go on to their end by themselves: what draining waits for."""

    @property
    def at_rest(self) -> bool:
        """True if nothing runs and nothing that was begun goes on."""
        return not (self.to_finish or self.steps_running or self.building)


async def read_line_status(session: AsyncSession) -> LineStatus:
    """Look at the line."""
    building = (await session.execute(_BUILDING)).all()
    queued, queued_since = (await session.execute(_QUEUED)).one()
    people, people_since = (await session.execute(_PEOPLE)).one()
    return LineStatus(
        new=await session.scalar(_UNBEGUN) or 0,
        building={row.tipo_producto: row.places for row in building},
        stopping=sum(row.stopping for row in building),
        queued=queued,
        queued_since=queued_since,
        waiting_for_people=people,
        waiting_since=people_since,
        steps_running=await session.scalar(_RUNNING) or 0,
        to_finish=await session.scalar(_BEGUN) or 0,
    )


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
