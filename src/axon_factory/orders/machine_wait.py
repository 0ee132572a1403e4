"""Orders that wait for the machine: nothing has failed, and they go on by themselves.

The wait has a job, unlike the others: the step is tried again with growing pauses, and a person is
told once it has lasted (`Policy.machine_tries`).
"""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.machine import MachineTrouble
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.priority import Priority
from axon_factory.domain.states import Actor
from axon_factory.domain.waiting import WaitsFor
from axon_factory.jobs.queue import enqueue_advance
from axon_factory.orders.events import append_event
from axon_factory.orders.notifications.outbox import post_message
from axon_factory.orders.policy import Policy
from axon_factory.orders.questions.open import wait_for_answers
from axon_factory.orders.transitions import note_change, wake

__all__ = ["end_machine_wait", "retry_now", "wait_for_machine"]

_MOST_DOUBLINGS = 16
# Two workers must not both find that nobody has been told yet.
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('axon.machine', 0))")


async def wait_for_machine(
    session: AsyncSession,
    order: Order,
    trouble: MachineTrouble,
    *,
    step: str,
    actor: Actor,
    policy: Policy,
    now: datetime,
) -> None:
    """Have the locked order wait because of `trouble`, and try `step` again after a pause.

    Each try that meets trouble again doubles the pause. The approver is told at the try that
    `policy` names, at most once an hour for each kind of trouble.
    """
    if order.espera not in {None, WaitsFor.MAQUINA}:
        return  # meanwhile it waits for somebody: what ends that has the step tried again
    known = order.espera_causa or {}
    tries = int(known.get("intentos", 0)) + 1
    changed = order.espera != WaitsFor.MAQUINA or known.get("codigo") != trouble.kind
    order.espera = WaitsFor.MAQUINA
    order.espera_causa = {
        "codigo": trouble.kind.value,
        "mensaje": str(trouble),
        "paso": step,
        "desde": known.get("desde") or now.isoformat(timespec="seconds"),
        "intentos": tries,
    }
    if changed:
        event = NewEvent(
            kind=EventKind.ESPERA_MAQUINA,
            agent=actor.name,
            message=f"La máquina no puede hacer el paso '{step}': {trouble}. La orden espera y "
            "seguirá sola",
            level=LogLevel.WARNING,
            metadata={"paso": step, "causa": trouble.kind.value},
            visibility=Visibility.INTERNO,
        )
        await append_event(session, order, event, actor=actor, now=now)
        await note_change(session, order, now)
    if tries == policy.machine_tries:
        await _tell(session, order, trouble, step, policy, now)
    pause = _pause(policy.retry_delay, policy.machine_longest_pause, tries)
    rank = Priority(order.prioridad).rank
    await enqueue_advance(session, order.id, rank=rank, at=now + pause)


async def end_machine_wait(
    session: AsyncSession, order: Order, *, actor: Actor, now: datetime
) -> None:
    """End the locked order's wait for the machine, if it has one; other waits stay."""
    if order.espera != WaitsFor.MAQUINA:
        return
    order.espera = order.espera_causa = None
    await wait_for_answers(session, order, now)
    event = NewEvent(
        kind=EventKind.MAQUINA_RECUPERADA,
        agent=actor.name,
        message="La máquina puede trabajar otra vez; la orden continúa",
        visibility=Visibility.INTERNO,
    )
    await append_event(session, order, event, actor=actor, now=now)
    await note_change(session, order, now)


async def retry_now(session: AsyncSession, order: Order, *, actor: Actor, now: datetime) -> None:
    """Have a locked order that waits for the machine tried at once, with short pauses again."""
    order.espera_causa = {**(order.espera_causa or {}), "intentos": 0}
    event = NewEvent(
        kind=EventKind.MAQUINA_REINTENTO,
        agent=actor.name,
        message="Se pidió probar otra vez sin esperar más a la máquina",
        visibility=Visibility.INTERNO,
    )
    await append_event(session, order, event, actor=actor, now=now)
    await wake(session, order, now)


def _pause(first: timedelta, longest: timedelta, tries: int) -> timedelta:
    return min(first * 2 ** min(tries - 1, _MOST_DOUBLINGS), longest)


async def _tell(
    session: AsyncSession,
    order: Order,
    trouble: MachineTrouble,
    step: str,
    policy: Policy,
    now: datetime,
) -> None:
    """Tell of the machine, not of the order: a full disk stops all of them."""
    await session.execute(_ALONE)
    await post_message(
        session,
        None,
        topic=f"maquina:{trouble.kind}:{now:%Y%m%d%H}",
        kind=NotificationKind.LINEA_MAQUINA,
        recipient=policy.approver_email,
        subject=f"La fábrica no puede trabajar: {trouble}",
        body=(
            f"{trouble}.\n\n"
            f"La orden {order.order_number} no puede hacer el paso '{step}', y otras pueden estar "
            "igual. Ninguna falla por esto: esperan, y siguen solas cuando la máquina puede.\n\n"
            "Qué pasa: axon doctor\n"
            "Qué órdenes esperan: axon orders list\n"
            f"Para probar ahora: axon orders retry {order.order_number}\n"
        ),
        now=now,
    )
