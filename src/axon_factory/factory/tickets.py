"""Begin, finish and fail a step: records before and after the port call (ADR 13)."""

from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderStep
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.failure import Failure, FailureCause
from axon_factory.domain.lifecycle import DueStep, StepKind
from axon_factory.domain.machine import MachineTrouble
from axon_factory.domain.states import ACTIVE_STATES, OrderState
from axon_factory.factory.step import Ticket, line_actor
from axon_factory.factory.steps.plan import give_up_question
from axon_factory.factory.steps.session import resume_without_session
from axon_factory.orders.events import append_event
from axon_factory.orders.machine_wait import end_machine_wait, wait_for_machine
from axon_factory.orders.moves import fail_order
from axon_factory.orders.policy import Policy
from axon_factory.orders.read import lock_order_by_id
from axon_factory.orders.runs.state import give_up_sessions
from axon_factory.orders.transitions import wake
from axon_factory.ports.builder import SessionLost
from axon_factory.ports.errors import PortError

__all__ = [
    "StepSuperseded",
    "begin_step",
    "fail_damaged",
    "fail_step",
    "finish_step",
    "give_back_step",
    "hold_order",
    "release_order",
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
_LINE = line_actor("Super Axon Agent")


class StepSuperseded(Exception):
    """The order moved on while the step ran: its outcome counts for nothing."""


async def begin_step(
    session: AsyncSession,
    order: Order,
    step: DueStep,
    *,
    worker: str,
    policy: Policy,
    now: datetime,
    unrecorded: bool = False,
) -> Ticket | None:
    """Record that the step begins and return the right to record its outcome.

    `unrecorded`: it ended the last time, and the database could not be told of it.

    Returns None when the step was begun too often already (a crash loop): it is given up then.
    """
    record = await _record_of(session, order, step)
    if unrecorded and record is not None and record.finished_at is None:
        record.attempts = max(0, record.attempts - 1)
    unfinished = record.attempts if record is not None and record.finished_at is None else 0
    if unfinished >= policy.max_step_attempts and _may_fail(order, step):
        reason = f"El paso '{step.key}' se interrumpió {unfinished} veces sin terminar"
        cause = FailureCause.INTENTOS_AGOTADOS
        await _give_up(session, order, step, PortError(reason, cause=cause), policy, now)
        return None
    order.fence += 1
    if record is None:
        record = OrderStep(
            order_id=order.id,
            intento=order.intento,
            step=step.key,
            idempotency_key=f"{order.id}:{order.intento}:{step.key}",
            attempts=0,
            fence=order.fence,
            worker=worker,
            started_at=now,
        )
        session.add(record)
    if record.finished_at is not None:
        # A session is asked again and again for its next milestone: only troubles in a row count.
        record.attempts = record.failures = 0
    record.attempts += 1
    record.fence, record.worker, record.started_at = order.fence, worker, now
    record.finished_at = None
    if step.kind is StepKind.DEPLOY:
        order.deployment_open = True
    await session.flush()
    return Ticket(order.id, order.intento, step, order.fence, record.idempotency_key)


async def finish_step(session: AsyncSession, ticket: Ticket, now: datetime) -> Order:
    """Lock the order for recording the step's outcome and mark the step finished.

    Raises:
        StepSuperseded: the order's fence moved on.
    """
    order = await lock_order_by_id(session, ticket.order_id)
    if order.fence != ticket.fence:
        raise StepSuperseded(f"{order.order_number} {ticket.step.key}")
    record = await _record_of(session, order, ticket.step)
    if record is not None:
        record.finished_at = now
        record.error = None
    return order


async def fail_step(
    session: AsyncSession,
    ticket: Ticket,
    error: PortError,
    *,
    trouble: MachineTrouble | None,
    policy: Policy,
    now: datetime,
) -> None:
    """Record that the step's port failed: try again later, or fail the order.

    With `trouble` it is the machine's failure: the order waits, and no attempt is counted.

    Raises:
        StepSuperseded: the order's fence moved on.
    """
    order = await finish_step(session, ticket, now)
    if trouble is not None and _is_active(order) and ticket.step.kind is not StepKind.STOP_SESSION:
        await _hold_step(session, order, ticket, trouble, policy, now)
        return
    await end_machine_wait(session, order, actor=_LINE, now=now)
    if isinstance(error, SessionLost) and _is_active(order):
        await resume_without_session(session, order, error, policy=policy, now=now)
        return
    record = await _record_of(session, order, ticket.step)
    if record is None:
        raise StepSuperseded(f"{order.order_number} {ticket.step.key}")
    record.finished_at = None
    record.failures += 1
    record.error = error.for_staff
    final = not error.transient or record.failures >= policy.max_step_failures
    if final and _may_fail(order, ticket.step) and ticket.step.kind is not StepKind.STOP_SESSION:
        await _give_up(session, order, ticket.step, error, policy, now)
        return
    doublings = min(record.failures - 1, _MOST_DOUBLINGS)
    delay = min(policy.retry_delay * 2**doublings, _LONGEST_DELAY)
    await append_event(
        session,
        order,
        NewEvent(
            kind=EventKind.PASO_REINTENTADO,
            agent=_LINE.name,
            message=f"El paso '{ticket.step.key}' falló y se repite: {error.for_staff}",
            level=LogLevel.WARNING,
            metadata={"paso": ticket.step.key, "fallos": record.failures},
            visibility=Visibility.INTERNO,
        ),
        actor=_LINE,
        now=now,
    )
    await wake(session, order, now, at=now + delay)


async def release_order(session: AsyncSession, order: Order, now: datetime) -> None:
    """End the locked order's wait for the machine, if it has one: a step has got through."""
    await end_machine_wait(session, order, actor=_LINE, now=now)


async def hold_order(
    session: AsyncSession,
    order: Order,
    step: DueStep,
    trouble: MachineTrouble,
    *,
    policy: Policy,
    now: datetime,
) -> None:
    """Have the locked order wait for the machine before `step` is begun."""
    await wait_for_machine(
        session, order, trouble, step=step.key, actor=_LINE, policy=policy, now=now
    )


async def _hold_step(
    session: AsyncSession,
    order: Order,
    ticket: Ticket,
    trouble: MachineTrouble,
    policy: Policy,
    now: datetime,
) -> None:
    record = await _record_of(session, order, ticket.step)
    if record is not None:
        record.finished_at = None
        record.attempts = max(1, record.attempts - 1)  # it has not crashed
        record.error = str(trouble)
    await hold_order(session, order, ticket.step, trouble, policy=policy, now=now)


async def give_back_step(session: AsyncSession, ticket: Ticket, now: datetime) -> None:
    """Record that the step was interrupted because the line was stopped: it is begun anew later.

    Raises:
        StepSuperseded: the order's fence moved on.
    """
    order = await lock_order_by_id(session, ticket.order_id)
    if order.fence != ticket.fence:
        raise StepSuperseded(f"{order.order_number} {ticket.step.key}")
    record = await _record_of(session, order, ticket.step)
    if record is not None:
        record.attempts = max(1, record.attempts - 1)  # it has not crashed
    order.fence += 1
    event = NewEvent(
        kind=EventKind.PASO_INTERRUMPIDO,
        agent=_LINE.name,
        message=f"La línea se detuvo: el paso '{ticket.step.key}' se interrumpe y se repetirá",
        level=LogLevel.WARNING,
        metadata={"paso": ticket.step.key},
        visibility=Visibility.INTERNO,
    )
    await append_event(session, order, event, actor=_LINE, now=now)
    await wake(session, order, now)


async def fail_damaged(
    session: AsyncSession, order: Order, error: Exception, *, policy: Policy, now: datetime
) -> None:
    """Fail the locked order because its records do not say what to do next.

    Of one that has failed or was cancelled, the session that it cannot name any more is given up.
    """
    if not _is_active(order):
        await give_up_sessions(session, order, now)
        await wake(session, order, now)
        return
    state = OrderState(order.estado)
    message = f"Los datos de la orden no permiten continuar: {type(error).__name__}"
    failure = Failure(_CAUSES[state], message, state)
    await fail_order(session, order, failure=failure, actor=_LINE, policy=policy, now=now)


async def _give_up(
    session: AsyncSession,
    order: Order,
    step: DueStep,
    error: PortError,
    policy: Policy,
    now: datetime,
) -> None:
    """Fail the order; for a question without an answer only the question is given up."""
    if step.kind is StepKind.ANSWER:
        await give_up_question(session, order, step, error.for_staff, policy=policy, now=now)
        return
    state = OrderState(order.estado)
    failure = Failure(error.cause, str(error), state, step.key, error.detail)
    await fail_order(session, order, failure=failure, actor=_LINE, policy=policy, now=now)


def _may_fail(order: Order, step: DueStep) -> bool:
    """Return whether giving the step up fails the order: a product in service is never lost so."""
    return _is_active(order) and step.kind is not StepKind.ROTATE


def _is_active(order: Order) -> bool:
    return OrderState(order.estado) in ACTIVE_STATES


async def _record_of(session: AsyncSession, order: Order, step: DueStep) -> OrderStep | None:
    return await session.scalar(
        select(OrderStep).where(
            col(OrderStep.order_id) == order.id,
            col(OrderStep.intento) == order.intento,
            col(OrderStep.step) == step.key,
        )
    )
