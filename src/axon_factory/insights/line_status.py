"""What the line is building, what waits for a place and what waits for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

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
    """One look at the line; a time is when the one that waits longest began to."""

    new: int
    """Orders that nobody has planned yet."""
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
