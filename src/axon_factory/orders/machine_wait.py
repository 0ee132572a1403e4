"""Orders that wait for the machine: nothing has failed, and they go on by themselves.

The wait has a job, unlike the others: the step is tried again with growing pauses, and a person is
told once it has lasted (`Policy.machine_tries`).
"""

from datetime import timedelta

from sqlalchemy import text

from axon_factory.domain.building import Priority
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.failure import MachineTrouble
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.states import WaitsFor
from axon_factory.jobs.queue import enqueue_advance
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.desk import about, how_to_act, pending_page, step_name
from axon_factory.orders.notifications.outbox import post_message
from axon_factory.orders.questions.open import wait_for_answers

__all__ = ["end_machine_wait", "retry_now", "wait_for_machine"]

_MOST_DOUBLINGS = 16
# Two workers must not both find that the approver has not been told yet.
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('axon.machine', 0))")


async def wait_for_machine(change: Change, trouble: MachineTrouble, *, step: str) -> None:
    """Have the locked order wait because of `trouble`, and try `step` again after a pause.

    Each try that meets trouble again doubles the pause. The approver is told at the try that
    `policy` names, at most once an hour for each kind of trouble.
    """
    order = change.order
    if order.espera not in {None, WaitsFor.MAQUINA}:
        return  # meanwhile it waits for a person, whose act has the step tried again
    known = order.espera_causa or {}
    tries = int(known.get("intentos", 0)) + 1
    changed = order.espera != WaitsFor.MAQUINA or known.get("codigo") != trouble.kind
    order.espera = WaitsFor.MAQUINA
    order.espera_causa = {
        "codigo": trouble.kind.value,
        "mensaje": str(trouble),
        "paso": step,
        "desde": known.get("desde") or change.now.isoformat(timespec="seconds"),
        "intentos": tries,
    }
    if changed:
        await change.tell_staff(
            EventKind.ESPERA_MAQUINA,
            (
                f"La máquina no puede hacer el paso '{step}': {trouble}. La orden espera y "
                "seguirá sola"
            ),
            level=LogLevel.WARNING,
            paso=step,
            causa=trouble.kind.value,
        )
        await change.touch()
    if tries == change.policy.machine_tries:
        await _tell(change, trouble, step)
    pause = _pause(change.policy.retry_delay, change.policy.machine_longest_pause, tries)
    rank = Priority(order.prioridad).rank
    await enqueue_advance(change.tx, order.id, rank=rank, at=change.now + pause)


async def end_machine_wait(change: Change) -> None:
    """End the locked order's wait for the machine, if it has one; other waits stay."""
    order = change.order
    if order.espera != WaitsFor.MAQUINA:
        return
    order.espera = order.espera_causa = None
    await wait_for_answers(change.tx, order, change.now)
    await change.tell_staff(
        EventKind.MAQUINA_RECUPERADA, "La máquina puede trabajar otra vez; la orden continúa"
    )
    await change.touch()


async def retry_now(change: Change) -> None:
    """Have a locked order that waits for the machine tried at once, with short pauses again."""
    order = change.order
    order.espera_causa = {**(order.espera_causa or {}), "intentos": 0}
    await change.tell_staff(
        EventKind.MAQUINA_REINTENTO, "Se pidió probar otra vez sin esperar más a la máquina"
    )
    await change.wake()


def _pause(first: timedelta, longest: timedelta, tries: int) -> timedelta:
    return min(first * 2 ** min(tries - 1, _MOST_DOUBLINGS), longest)


async def _tell(change: Change, trouble: MachineTrouble, step: str) -> None:
    """Tell of the machine, not of the order: a full disk stops all of them."""
    order = change.order
    await change.tx.execute(_ALONE)
    await post_message(
        change.tx,
        None,
        topic=f"maquina:{trouble.kind}:{change.now:%Y%m%d%H}",
        kind=NotificationKind.LINEA_MAQUINA,
        recipient=change.policy.approver_email,
        subject=f"La fábrica no puede trabajar: {trouble}",
        body=(
            f"{trouble}.\n\n"
            f"La orden {about(order)} no puede {step_name(step)}, y otras pueden estar "
            "igual. Ninguna falla por esto: esperan, y siguen solas cuando la máquina puede.\n\n"
            + how_to_act(
                "Para ver qué órdenes esperan y probar ahora",
                pending_page(change.policy),
                "axon doctor",
                "axon orders list",
                f"axon orders retry {order.order_number}",
            )
        ),
        now=change.now,
    )
