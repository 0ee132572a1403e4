"""Pause, drain, stop and resume the line: a person's act on every worker at once."""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import LineControl
from axon_factory.domain.errors import PreconditionFailed
from axon_factory.domain.line_mode import LineMode
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Principal
from axon_factory.jobs.queue import enqueue_advances, pull_forward
from axon_factory.orders.line_mode import enqueue_stranded, lock_mode
from axon_factory.orders.notifications.outbox import notify, post_message
from axon_factory.orders.policy import Policy
from axon_factory.orders.runs.capacity import wake_waiting
from axon_factory.orders.runs.state import OWN_BUILDER

__all__ = ["ModeChange", "change_mode", "read_control"]

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

    When this is committed no worker begins a step that the mode forbids. A stop tells the sessions
    of outside builders to end, and the approver of it; whoever waited for the line is woken when
    it may go on.

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
            "no empieza nada más.\n\nPara reanudarla: axon line resume\n"
        ),
        now=now,
    )
