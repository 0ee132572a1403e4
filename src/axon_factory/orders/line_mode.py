"""In which mode the line runs, and which orders should have a job in it; `line_control` changes it.

What waits (for a person, for a place, for the line to run again) should have no job.
"""

from collections.abc import Mapping

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.domain.line_mode import LineMode
from axon_factory.jobs.queue import enqueue_advances
from axon_factory.orders.policy import ApprovalRules

__all__ = ["ACTIVE", "BATCH", "current_mode", "enqueue_stranded", "hold_mode", "lock_mode"]

_HOLD = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('axon.line', 0))")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('axon.line', 0))")
_MODE = text("SELECT mode FROM line_controls")


async def current_mode(session: AsyncSession) -> LineMode:
    """Return the mode as it is at this moment."""
    return LineMode(await session.scalar(_MODE))


async def hold_mode(session: AsyncSession) -> LineMode:
    """Return the mode, which nobody changes before the transaction ends.

    So no step begins after whoever paused the line has been answered.
    """
    await session.execute(_HOLD)
    return await current_mode(session)


async def lock_mode(session: AsyncSession) -> None:
    """Wait for those who hold the mode, and keep it from others until the transaction ends."""
    await session.execute(_LOCK)


BATCH = 500
"""Orders that one statement enqueues."""

_ORPHANED = """
    AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs
        WHERE lock = 'order:' || o.id::text AND status IN ('todo', 'doing')
    )
"""
# The conditions of orders_due_idx, word for word: the planner takes it for nothing else.
ACTIVE = """
    o.espera IS NULL AND o.queued_at IS NULL AND (
        o.estado IN ('nuevo', 'construccion', 'qa', 'listo')
        OR o.estado = 'planificacion' AND o.plan_estado <> 'pendiente_aprobacion'
    )
"""
"""Orders `o` that the line has something to do for, with a job or without."""
_UNWANTED = text(
    f"""
    SELECT o.id, o.prioridad_rank FROM order_sessions s JOIN orders o ON o.id = s.order_id
    WHERE s.ended_at IS NULL
      AND (s.stop_requested_at IS NOT NULL OR s.intento < o.intento OR o.estado <> 'construccion'
           OR (:stopped AND o.builder <> 'templates'))
      {_ORPHANED}
    LIMIT {BATCH}
    """  # noqa: S608 — constants of this module
)
_DEPLOYED = text(
    f"""
    SELECT o.id, o.prioridad_rank FROM orders o
    WHERE o.deployment_open AND o.estado IN ('cancelado', 'fallido') {_ORPHANED}
    LIMIT {BATCH}
    """  # noqa: S608 — constants of this module
)
_ROTATING = text(
    f"""
    SELECT DISTINCT o.id, o.prioridad_rank
    FROM order_credentials c JOIN orders o ON o.id = c.order_id
    WHERE c.in_service_at IS NULL AND o.estado IN ('listo', 'entregado')
      AND o.deployment_open AND o.resultado IS NOT NULL {_ORPHANED}
    LIMIT {BATCH}
    """  # noqa: S608 — constants of this module
)
_ERASING = text(
    f"""
    SELECT o.id, o.prioridad_rank FROM orders o WHERE o.erasure_pending {_ORPHANED}
    LIMIT {BATCH}
    """  # noqa: S608 — constants of this module
)
_HAS_BEGUN = """
    o.estado IN ('construccion', 'qa', 'listo')
    AND (o.estado <> 'construccion' OR o.session_id IS NOT NULL
         OR EXISTS (SELECT FROM order_sessions s WHERE s.order_id = o.id))
"""
# An index of its own has all that wait; of those, these alone have a job.
_HELD_BY_MACHINE = text(
    f"""
    SELECT o.id, o.prioridad_rank FROM orders o
    WHERE o.espera IS NOT NULL AND o.espera = 'maquina' AND (NOT :draining OR {_HAS_BEGUN})
      {_ORPHANED}
    LIMIT {BATCH}
    """  # noqa: S608 — constants of this module
)
_DUE = text(
    f"""
    SELECT o.id, o.prioridad_rank FROM orders o
    WHERE {ACTIVE} {_ORPHANED}
    ORDER BY o.prioridad_rank DESC, o.created_at LIMIT {BATCH}
    """  # noqa: S608 — constants of this module
)
_BEGUN = text(
    f"""
    SELECT o.id, o.prioridad_rank FROM orders o
    WHERE {ACTIVE} AND {_HAS_BEGUN} {_ORPHANED}
    ORDER BY o.prioridad_rank DESC, o.created_at LIMIT {BATCH}
    """  # noqa: S608 — constants of this module
)
_QUESTIONED = text(
    f"""
    SELECT DISTINCT o.id, o.prioridad_rank FROM order_questions q JOIN orders o ON o.id = q.order_id
    WHERE q.answered_at IS NULL AND q.closed_at IS NULL AND q.audience = 'planificador'
      AND o.estado = 'planificacion' AND o.espera IS NULL {_ORPHANED}
    LIMIT {BATCH}
    """  # noqa: S608 — constants of this module
)
_APPROVING_THEMSELVES = text(
    f"""
    SELECT o.id, o.prioridad_rank FROM orders o
    WHERE o.estado = 'planificacion' AND o.plan_estado = 'pendiente_aprobacion'
      AND o.espera IS NULL AND o.tipo_producto = ANY (:types)
      AND o.precio <= coalesce(CAST(:max_price AS numeric), 'Infinity')
      AND EXISTS (
          SELECT 1 FROM order_plans p
          WHERE p.order_id = o.id AND p.version = o.plan_version
            AND p.author IS NULL AND (:flagged OR p.flags = '[]')
      ) {_ORPHANED}
    ORDER BY o.prioridad_rank DESC, o.created_at
    """  # noqa: S608 — constants of this module
)


async def enqueue_stranded(
    session: AsyncSession, mode: LineMode, *, approval: ApprovalRules | None = None
) -> int:
    """Enqueue every order that should have a job in this mode and has none; return how many.

    `approval`: also those that wait for approval and may approve themselves by these rules, which
    only a changed setting or a line that ran on makes due; whether they do is the line's to say.
    """
    found = 0
    for statement in _statements(mode):
        found += await _enqueue_all(session, statement, _parameters(statement, mode))
    if approval is not None and approval.auto_types and mode is LineMode.ACTIVA:
        parameters = {
            "types": sorted(approval.auto_types),
            "max_price": approval.auto_max_price,
            "flagged": approval.auto_flagged,
        }
        rows = await session.execute(_APPROVING_THEMSELVES, parameters)
        found += await enqueue_advances(session, [(row[0], row[1]) for row in rows.all()])
    return found


def _statements(mode: LineMode) -> tuple[TextClause, ...]:
    cleanup = (_UNWANTED, _DEPLOYED, _ROTATING, _ERASING)
    match mode:
        case LineMode.ACTIVA:
            return (*cleanup, _DUE, _QUESTIONED, _HELD_BY_MACHINE)
        case LineMode.DRENANDO:
            return (*cleanup, _BEGUN, _HELD_BY_MACHINE)
        case _:
            return cleanup


def _parameters(statement: TextClause, mode: LineMode) -> Mapping[str, object]:
    if statement is _UNWANTED:
        return {"stopped": mode is LineMode.DETENIDA}
    return {"draining": mode is LineMode.DRENANDO} if statement is _HELD_BY_MACHINE else {}


async def _enqueue_all(
    session: AsyncSession, statement: TextClause, parameters: Mapping[str, object]
) -> int:
    """Enqueue in batches: what is enqueued is not found by the next one."""
    found = 0
    while True:
        rows = (await session.execute(statement, parameters)).all()
        found += await enqueue_advances(session, [(row[0], row[1]) for row in rows])
        if len(rows) < BATCH:
            return found
