"""Move an order: hand it over, cancel it, fail it, retry it."""

from sqlalchemy import text

from axon_factory.domain.errors import NotCancellable
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.failure import Failure, FailureCause
from axon_factory.domain.names import OPS
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.states import OrderState, WaitsFor
from axon_factory.domain.text import Sentence
from axon_factory.orders.change import Change
from axon_factory.orders.machine_wait import retry_now
from axon_factory.orders.notifications.client_mails import (
    tell_cancelled,
    tell_delivered,
    tell_failed,
)
from axon_factory.orders.notifications.desk import (
    about,
    cause_name,
    how_to_act,
    order_page,
    stage_name,
)
from axon_factory.orders.questions.open import close_questions

__all__ = [
    "begin_attempt",
    "cancel_order",
    "delete_order",
    "fail_order",
    "hand_over",
    "retry_order",
]


async def hand_over(change: Change) -> None:
    """Move the deployed, locked order to `entregado` and tell the client.

    Raises:
        TransitionRefused: the order is not `listo`, not deployed, or the actor may not.
    """
    order = change.order
    order.asignado_a = OPS.name
    await change.move(
        OrderState.ENTREGADO,
        "🎉 Producto desplegado y entregado al cliente",
        kind=EventKind.ENTREGADO,
        level=LogLevel.SUCCESS,
        deploy_url=order.deploy_url,
    )
    await tell_delivered(change)


async def cancel_order(change: Change, *, reason: str) -> OrderState:
    """Cancel the locked order from any state that is not terminal; return the state it was in.

    The client is told, without the reason.

    Raises:
        TransitionRefused: it is delivered or cancelled already, or the actor may not.
    """
    before = OrderState(change.order.estado)
    await change.move(
        OrderState.CANCELADO,
        f"Orden cancelada: {reason}" if reason else "Orden cancelada",
        level=LogLevel.WARNING,
        motivo=reason,
    )
    await tell_cancelled(change)
    return before


async def delete_order(change: Change) -> OrderState:
    """Cancel as `DELETE` does: only from `nuevo` and `planificacion`.

    Raises:
        NotCancellable: the documented 400, with `estado_actual`.
    """
    order = change.order
    if not serves_in(Action.DELETE_ORDER, OrderState(order.estado)):
        raise NotCancellable(
            f"La orden está en estado '{order.estado}'. Solo se pueden cancelar órdenes en estado "
            "'nuevo' o 'planificacion'",
            message_en=f"The order is in state '{order.estado}'. Only orders in 'nuevo' or "
            "'planificacion' can be cancelled",
            extra={"estado_actual": order.estado},
        )
    return await cancel_order(change, reason="")


_FOR_EVERYBODY = {
    FailureCause.AGENTE_INCOMPLETO: ": el agente terminó sin acabar el producto",
    FailureCause.AGENTE_SIN_AVANCE: ": el agente dejó de avanzar",
}


async def fail_order(change: Change, *, failure: Failure) -> None:
    """Move the locked order to `fallido`; what went wrong in detail is for the factory's people.

    Words of a program or provider outside (`failure.detail`) are in the internal event and in the
    mail to the approver, and nowhere else.

    Raises:
        TransitionRefused: the order is not active, or the actor may not.
    """
    order = change.order
    said = f"{failure.message}: {failure.detail}" if failure.detail else failure.message
    await change.move(
        OrderState.FALLIDO,
        f"La orden falló en '{failure.state}'{_FOR_EVERYBODY.get(failure.cause, '')}",
        level=LogLevel.ERROR,
        failure=failure,
        causa=failure.cause.value,
    )
    await change.tell_staff(
        EventKind.FALLO_DETALLADO, said, level=LogLevel.ERROR, paso=failure.step
    )
    await change.mail_approver(
        topic="orden_fallida",
        kind=NotificationKind.ORDEN_FALLIDA,
        subject=f"{order.order_number}: falló en {stage_name(failure.state)}",
        body=(
            f"La orden {about(order)} falló en {stage_name(failure.state)}: "
            f"{cause_name(failure.cause)}.\n\n{said}\n\n"
            + how_to_act(
                "Para ver qué pasó y reintentar desde ese paso",
                order_page(change.policy, order),
                f"axon orders retry {order.order_number}",
            )
        ),
    )
    await tell_failed(change)


# What an attempt had finished counts for the next one: it resumes, it does not start over.
_CARRY_MILESTONES = text(
    """
    INSERT INTO order_milestones (order_id, intento, milestone_id, agente, commit_id, completed_at)
    SELECT order_id, :next, milestone_id, agente, commit_id, completed_at
    FROM order_milestones WHERE order_id = :order_id AND intento = :current
    """
)
_CARRY_PASSED_CHECKS = text(
    """
    INSERT INTO order_checks (order_id, intento, check_name, passed, command, exit_code,
        duration_seconds, output_digest, output_tail, findings, isolation, timed_out, truncated,
        commit_id, actor, created_at)
    SELECT order_id, :next, check_name, passed, command, exit_code,
        duration_seconds, output_digest, output_tail, findings, isolation, timed_out, truncated,
        commit_id, actor, created_at
    FROM order_checks WHERE order_id = :order_id AND intento = :current AND passed
    """
)


async def begin_attempt(change: Change) -> None:
    """Give the locked order its next attempt, with what was finished, and without a run.

    Tokens of the attempt before do not hold from here on, its open questions are moot, and a
    run of it that is still open is stopped (`orders/runs/state.py`).
    """
    order = change.order
    await close_questions(change.tx, order, change.now)
    parameters = {"order_id": order.id, "current": order.intento, "next": order.intento + 1}
    await change.tx.execute(_CARRY_MILESTONES, parameters)
    await change.tx.execute(_CARRY_PASSED_CHECKS, parameters)
    order.intento += 1
    order.session_id = None
    order.session_open = False
    order.session_cursor = None
    order.reported = None
    order.silence = None


async def retry_order(change: Change) -> OrderState:
    """Move the locked, failed order back to the state that failed, as a new attempt; return it.

    An order that waits for the machine stays where it is, and its step is tried at once.

    Raises:
        TransitionRefused: the order has neither failed nor waits for the machine, or the actor
            may not.
    """
    order = change.order
    if order.espera == WaitsFor.MAQUINA:
        await retry_now(change)
        return OrderState(order.estado)
    if order.estado != OrderState.FALLIDO or order.fallo is None:
        only_failed = Sentence(
            "Solo se reintenta una orden en 'fallido'", "Only an order in 'fallido' is retried"
        )
        raise await change.refuse(OrderState(order.estado), only_failed)
    target = OrderState(order.fallo["estado"])
    step = order.fallo.get("paso")
    await begin_attempt(change)
    await change.move(
        target,
        f"Reintento {order.intento}: la orden continúa en '{target}'",
        paso=step,
        intento=order.intento,
    )
    return target
