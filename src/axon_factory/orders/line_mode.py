"""In which mode the line runs, who changes it, and which orders should have a job in it.

What waits (for a person, for a place, for the line to run again) should have no job.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.pipeline import APART
from axon_factory.db.tables import LineControl
from axon_factory.domain.building import LineMode
from axon_factory.domain.errors import PreconditionFailed
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Principal
from axon_factory.jobs.queue import PRIORITIES_A_RANK, enqueue_advances, pull_forward
from axon_factory.orders.notifications.desk import how_to_act, line_page
from axon_factory.orders.notifications.outbox import notify, post_message
from axon_factory.orders.policy import ApprovalRules, Policy
from axon_factory.orders.runs.capacity import wake_waiting
from axon_factory.orders.runs.state import OWN_BUILDER

__all__ = [
    "BATCH",
    "HOLD",
    "ModeChange",
    "change_mode",
    "count_ahead",
    "enqueue_stranded",
    "hold_mode",
    "lock_mode",
    "mode_is_held",
    "read_control",
]

_AT_WORK_OUTSIDE = text(
    """
    SELECT id, prioridad_rank FROM orders
    WHERE session_open AND estado = 'construccion' AND builder <> :own
    """
)

_TOLD = MappingProxyType(
    {
        LineMode.ACTIVA: NotificationKind.LINEA_REANUDADA,
        LineMode.DRENANDO: NotificationKind.LINEA_PAUSADA,
        LineMode.PAUSADA: NotificationKind.LINEA_PAUSADA,
    }
)


@dataclass(frozen=True, slots=True)
class ModeChange:
    """What a person wants of the line, and why. `if_version`: only if the control is at it."""

    mode: LineMode
    reason: str = ""
    if_version: int | None = None


async def read_control(session: AsyncSession) -> LineControl:
    """Return the one row that says how the line runs."""
    return (await session.scalars(select(LineControl))).one()


async def change_mode(
    session: AsyncSession, change: ModeChange, principal: Principal, policy: Policy, now: datetime
) -> LineControl:
    """Have the line run as `change` says; a mode that it has already is left as it is.

    After the commit no worker begins a step that the mode forbids. A stop ends the runs of outside
    builders and tells the approver. A resume wakes the orders that waited for the line.

    Raises:
        PreconditionFailed: the control is at another version than `if_version`.
    """
    await lock_mode(session)
    control = (await session.scalars(select(LineControl).with_for_update())).one()
    if change.if_version is not None and control.version != change.if_version:
        raise PreconditionFailed(
            f"El control de la línea está en la versión {control.version}; léelo de nuevo",
            message_en=f"The line's control is at version {control.version}; read it again",
            version=control.version,
        )
    if control.mode == change.mode:
        return control
    control.mode, control.reason = change.mode, change.reason
    control.changed_by, control.changed_at = principal.name, now
    control.version += 1
    await session.flush()
    if change.mode is LineMode.DETENIDA:
        await _stop(session, control, policy, now)
    else:
        await enqueue_stranded(session, change.mode, approval=policy.approval)
        await wake_waiting(session, policy.limits, now)
        kind = _TOLD[change.mode]
        await notify(session, None, kind, topic=f"control:{control.version}", now=now)
    return control


async def _stop(session: AsyncSession, control: LineControl, policy: Policy, now: datetime) -> None:
    """Have the orders that are built outside looked at now, and tell the approver."""
    rows = (await session.execute(_AT_WORK_OUTSIDE, {"own": OWN_BUILDER})).all()
    await pull_forward(session, [row[0] for row in rows])
    await enqueue_advances(session, [(row[0], row[1]) for row in rows])
    await post_message(
        session,
        None,
        topic=f"control:{control.version}",
        kind=NotificationKind.LINEA_DETENIDA,
        recipient=policy.approver_email,
        subject="La línea está detenida",
        body=(
            f"{control.changed_by} detuvo la línea.\n\nMotivo: {control.reason}\n\n"
            "Los pasos en curso se interrumpen y los agentes externos reciben la orden de parar; "
            "no empieza nada más.\n\n"
            + how_to_act("Para reanudarla", line_page(policy), "axon line resume")
        ),
        now=now,
    )


_HELD = "line_mode_held"
HOLD = "pg_advisory_xact_lock_shared(hashtextextended('axon.line', 0))"
"""SQL of `hold_mode`, for a statement that does something else, too."""
_HOLD = text(f"SELECT {HOLD}")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('axon.line', 0))")


async def hold_mode(session: AsyncSession) -> None:
    """Keep the mode from changing until the transaction ends; read it afterwards.

    So no step begins after the person who paused the line has been answered. A second time is free.
    """
    if _HELD in session.info:
        return
    await session.execute(_HOLD, execution_options=APART)
    mode_is_held(session)


def mode_is_held(session: AsyncSession) -> None:
    """Note that a statement with `HOLD` has run in the session's transaction."""
    session.info[_HELD] = True


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
_ACTIVE = """
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
    WHERE {_ACTIVE} {_ORPHANED}
    ORDER BY o.prioridad_rank DESC, o.created_at LIMIT {BATCH}
    """  # noqa: S608 — constants of this module
)
_BEGUN = text(
    f"""
    SELECT o.id, o.prioridad_rank FROM orders o
    WHERE {_ACTIVE} AND {_HAS_BEGUN} {_ORPHANED}
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

    `approval`: also the orders that wait for approval and may approve themselves by these rules. A
    changed setting or a resumed line makes them due; the line decides whether they do.
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


# A waiting job may have aged to a higher priority. Orders that the line is busy with are not ahead:
# orders in a step or a run, and orders that it looks at again later.
_AHEAD = text(
    f"""
    SELECT count(DISTINCT o.id) FROM orders o
    LEFT JOIN procrastinate_jobs j ON j.lock = 'order:' || o.id::text AND j.status = 'todo'
    WHERE (({_ACTIVE}) OR o.queued_at IS NOT NULL AND o.estado = 'construccion')
      AND coalesce(j.priority, o.prioridad_rank * :a_rank) >= :priority
      AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
      AND NOT EXISTS (
          SELECT FROM order_sessions s WHERE s.order_id = o.id AND s.ended_at IS NULL
      )
      AND NOT EXISTS (
          SELECT FROM procrastinate_jobs d
          WHERE d.lock = 'order:' || o.id::text AND d.status = 'doing'
      )
    """  # noqa: S608 — constants of this module
)


async def count_ahead(session: AsyncSession, *, rank: int) -> int:
    """Return how many orders the line takes before one that is placed now with `rank`.

    In any mode of the line: while it is paused, orders wait without a job.
    """
    parameters = {"priority": rank * PRIORITIES_A_RANK, "a_rank": PRIORITIES_A_RANK}
    return await session.scalar(_AHEAD, parameters) or 0
