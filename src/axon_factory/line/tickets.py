"""Begin, finish and fail a step: records before and after the port call (ADR 13).

The line itself makes each `Change` here, and has locked the order's row.
"""

from datetime import timedelta
from types import MappingProxyType

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.pipeline import ask, send
from axon_factory.db.sessions import flush_unless_joined
from axon_factory.db.tables import Order, OrderStep
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.failure import Failure, FailureCause, MachineTrouble
from axon_factory.domain.lifecycle import DueStep, StepKind
from axon_factory.domain.states import ACTIVE_STATES, OrderState
from axon_factory.line.step import Ticket
from axon_factory.line.steps.plan import give_up_question
from axon_factory.line.steps.run import resume_lost_run
from axon_factory.orders.change import Change
from axon_factory.orders.machine_wait import end_machine_wait, wait_for_machine
from axon_factory.orders.moves import fail_order
from axon_factory.orders.runs.state import give_up_runs
from axon_factory.ports.builder import SessionLost
from axon_factory.ports.errors import PortError

__all__ = [
    "StepSuperseded",
    "begin_step",
    "fail_damaged",
    "fail_step",
    "finish_step",
    "give_back_step",
]

_LONGEST_DELAY = timedelta(minutes=5)
_MOST_DOUBLINGS = 16  # a clean-up is repeated for ever, and a timedelta overflows
_CAUSES = MappingProxyType(
    {
        OrderState.NUEVO: FailureCause.PLANIFICACION_FALLIDA,
        OrderState.PLANIFICACION: FailureCause.PLANIFICACION_FALLIDA,
        OrderState.CONSTRUCCION: FailureCause.CONSTRUCCION_FALLIDA,
        OrderState.QA: FailureCause.REVISION_NO_EJECUTABLE,
        OrderState.LISTO: FailureCause.ENTREGA_FALLIDA,
    }
)

# A run is asked again and again for its next milestone: only troubles in a row count.
_BEGIN = text(
    """
    INSERT INTO order_steps AS known (order_id, intento, step, idempotency_key, attempts, failures,
                                      fence, worker, started_at)
    VALUES (:order_id, :intento, :step, :key, 1, 0, :fence, :worker, :now)
    ON CONFLICT (order_id, intento, step) DO UPDATE SET
        attempts = CASE WHEN known.finished_at IS NULL
            THEN greatest(0, known.attempts - :forgiven) + 1 ELSE 1 END,
        failures = CASE WHEN known.finished_at IS NULL THEN known.failures ELSE 0 END,
        fence = excluded.fence, worker = excluded.worker, started_at = excluded.started_at,
        finished_at = NULL
    WHERE known.finished_at IS NOT NULL OR CAST(:most AS integer) IS NULL
        OR greatest(0, known.attempts - :forgiven) < :most
    RETURNING attempts
    """
)
_FINISH = text(
    """
    UPDATE order_steps SET finished_at = :now, error = NULL
    WHERE order_id = :order_id AND intento = :intento AND step = :step
    """
)


class StepSuperseded(Exception):
    """The order moved on while the step ran: its outcome counts for nothing."""


async def begin_step(
    change: Change, step: DueStep, *, worker: str, unrecorded: bool = False
) -> Ticket | None:
    """Record that the step begins and return the right to record its outcome.

    `unrecorded`: it ended the last time, and the database could not be told of it.

    Returns None when the step was begun too often already (a crash loop): it is given up then.
    """
    order = change.order
    key = f"{order.id}:{order.intento}:{step.key}"
    begun = await ask(
        change.tx,
        _BEGIN,
        {
            "order_id": order.id,
            "intento": order.intento,
            "step": step.key,
            "key": key,
            "fence": order.fence + 1,
            "worker": worker,
            "now": change.now,
            "forgiven": int(unrecorded),
            "most": change.policy.max_step_attempts if _may_fail(order, step) else None,
        },
    )
    if begun is None:
        record = await _record_of(change.tx, order, step)
        unfinished = 0 if record is None else record.attempts - unrecorded
        reason = f"El paso '{step.key}' se interrumpió {unfinished} veces sin terminar"
        cause = FailureCause.INTENTOS_AGOTADOS
        await _give_up(change, step, PortError(reason, cause=cause))
        return None
    order.fence += 1
    if step.kind is StepKind.DEPLOY:
        order.deployment_open = True
    await flush_unless_joined(change.tx)
    return Ticket(order.id, order.intento, step, order.fence, key)


async def finish_step(change: Change, ticket: Ticket) -> None:
    """Mark the step of the locked order finished; its outcome is recorded next.

    Raises:
        StepSuperseded: the order's fence moved on.
    """
    order = change.order
    _require_fence(order, ticket)
    parameters = {
        "order_id": order.id,
        "intento": order.intento,
        "step": ticket.step.key,
        "now": change.now,
    }
    await send(change.tx, _FINISH, parameters)


async def fail_step(
    change: Change, ticket: Ticket, error: PortError, *, trouble: MachineTrouble | None
) -> None:
    """Record that the step's port failed: try again later, or fail the order.

    With `trouble` it is the machine's failure: the order waits, and no attempt is counted.

    Raises:
        StepSuperseded: the order's fence moved on.
    """
    order, policy, step = change.order, change.policy, ticket.step
    await finish_step(change, ticket)
    if trouble is not None and _is_active(order) and step.kind is not StepKind.STOP_SESSION:
        await _hold_step(change, ticket, trouble)
        return
    await end_machine_wait(change)
    if isinstance(error, SessionLost) and _is_active(order):
        await resume_lost_run(change, error)
        return
    record = await _record_of(change.tx, order, step)
    if record is None:
        raise StepSuperseded(f"{order.order_number} {step.key}")
    record.finished_at = None
    record.failures += 1
    record.error = error.for_staff
    final = not error.transient or record.failures >= policy.max_step_failures
    if final and _may_fail(order, step) and step.kind is not StepKind.STOP_SESSION:
        await _give_up(change, step, error)
        return
    doublings = min(record.failures - 1, _MOST_DOUBLINGS)
    delay = min(policy.retry_delay * 2**doublings, _LONGEST_DELAY)
    await change.tell_staff(
        EventKind.PASO_REINTENTADO,
        f"El paso '{step.key}' falló y se repite: {error.for_staff}",
        level=LogLevel.WARNING,
        paso=step.key,
        fallos=record.failures,
    )
    await change.wake(at=change.now + delay)


async def _hold_step(change: Change, ticket: Ticket, trouble: MachineTrouble) -> None:
    record = await _record_of(change.tx, change.order, ticket.step)
    if record is not None:
        record.finished_at = None
        record.attempts = max(1, record.attempts - 1)  # it has not crashed
        record.error = str(trouble)
    await wait_for_machine(change, trouble, step=ticket.step.key)


async def give_back_step(change: Change, ticket: Ticket) -> None:
    """Record that the step was interrupted because the line was stopped: it is begun anew later.

    Raises:
        StepSuperseded: the order's fence moved on.
    """
    order = change.order
    _require_fence(order, ticket)
    record = await _record_of(change.tx, order, ticket.step)
    if record is not None:
        record.attempts = max(1, record.attempts - 1)  # it has not crashed
    order.fence += 1
    await change.tell_staff(
        EventKind.PASO_INTERRUMPIDO,
        f"La línea se detuvo: el paso '{ticket.step.key}' se interrumpe y se repetirá",
        level=LogLevel.WARNING,
        paso=ticket.step.key,
    )
    await change.wake()


async def fail_damaged(change: Change, error: Exception) -> None:
    """Fail the locked order because its records do not say what to do next.

    Of one that has failed or was cancelled, the run that it cannot name any more is given up.
    """
    order = change.order
    if not _is_active(order):
        await give_up_runs(change.tx, order, change.now)
        await change.wake()
        return
    state = OrderState(order.estado)
    message = f"Los datos de la orden no permiten continuar: {type(error).__name__}"
    failure = Failure(_CAUSES[state], message, state)
    await fail_order(change, failure=failure)


async def _give_up(change: Change, step: DueStep, error: PortError) -> None:
    """Fail the order; for a question without an answer only the question is given up."""
    if step.kind is StepKind.ANSWER:
        await give_up_question(change, step, error.for_staff)
        return
    state = OrderState(change.order.estado)
    failure = Failure(error.cause, str(error), state, step.key, error.detail)
    await fail_order(change, failure=failure)


def _require_fence(order: Order, ticket: Ticket) -> None:
    if order.fence != ticket.fence:
        raise StepSuperseded(f"{order.order_number} {ticket.step.key}")


def _may_fail(order: Order, step: DueStep) -> bool:
    """Return whether giving the step up fails the order: a product in service is never lost so."""
    return _is_active(order) and step.kind is not StepKind.ROTATE


def _is_active(order: Order) -> bool:
    return OrderState(order.estado) in ACTIVE_STATES


async def _record_of(tx: AsyncSession, order: Order, step: DueStep) -> OrderStep | None:
    return await tx.scalar(
        select(OrderStep).where(
            col(OrderStep.order_id) == order.id,
            col(OrderStep.intento) == order.intento,
            col(OrderStep.step) == step.key,
        )
    )
