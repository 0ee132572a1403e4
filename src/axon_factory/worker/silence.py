"""Notice sessions that have been silent for too long: one query, however many are open.

Silent is an agent that gives no sign of life although the line looks at it. It is not silence when
the factory itself is at work (the built-in builder works inside the call; publishing takes a
while), when the order waits for an answer, or when the line has not looked: its job is overdue
because workers were away or busy, or the line is paused.
"""

from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import text

from axon_factory.db.sessions import Database
from axon_factory.db.tables import Order
from axon_factory.domain.silence import silence_of
from axon_factory.domain.speakers import SUPER_AXON
from axon_factory.orders.change import Change
from axon_factory.orders.policy import Policy
from axon_factory.orders.runs.liveness import mark_silent

__all__ = ["notice_silence"]

_log = structlog.get_logger(__name__)

_AT_ONCE = 100

# The rows are locked by the query itself, so what it has found still holds when it is written; what
# another transaction has locked is looked at next time.
_SILENT = text(
    """
    SELECT id FROM orders
    WHERE session_open AND estado = 'construccion' AND espera IS NULL AND session_id IS NOT NULL
      AND heartbeat_at <= :silent_since
      AND silence IS DISTINCT FROM
          CASE WHEN heartbeat_at <= :stuck_since THEN 'estancado' ELSE 'sin_respuesta' END
      AND NOT EXISTS (SELECT 1 FROM line_controls WHERE mode IN ('pausada', 'detenida'))
      AND NOT EXISTS (
          SELECT 1 FROM order_steps
          WHERE order_id = orders.id AND intento = orders.intento AND finished_at IS NULL
            AND (orders.builder = 'templates' OR step NOT LIKE 'construir:%'
                 OR started_at > :silent_since)
      )
      AND NOT EXISTS (
          SELECT 1 FROM procrastinate_jobs
          WHERE lock = 'order:' || orders.id::text AND status = 'todo'
            AND (scheduled_at IS NULL OR scheduled_at <= :now)
      )
    ORDER BY heartbeat_at LIMIT :at_once
    FOR UPDATE OF orders SKIP LOCKED
    """
)


async def notice_silence(database: Database, policy: Policy) -> int:
    """Mark the sessions that are silent, or more silent than they were; return how many."""
    now, rules = datetime.now(UTC), policy.agents
    stuck = max(rules.stuck, rules.silent)
    parameters = {
        "now": now,
        "silent_since": now - rules.silent,
        "stuck_since": now - stuck,
        "at_once": _AT_ONCE,
    }
    async with database.transaction("maintenance") as session:
        found: list[UUID] = list(await session.scalars(_SILENT, parameters))
        for order_id in found:
            order = await session.get_one(Order, order_id)
            if order.heartbeat_at is None:
                continue
            level = silence_of(order.heartbeat_at, now, silent=rules.silent, stuck=rules.stuck)
            if level is not None:
                await mark_silent(Change(session, order, SUPER_AXON, policy, now), level)
    if found:
        _log.warning("sessions silent", count=len(found))
    return len(found)
