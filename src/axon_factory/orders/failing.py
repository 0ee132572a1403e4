"""Fail an order, with a typed cause, and tell the approver and the client."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.failure import Failure, FailureCause
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.states import Actor, OrderState
from axon_factory.orders.events import append_event
from axon_factory.orders.mails.client import tell_failed
from axon_factory.orders.outbox import post_message
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import transition

__all__ = ["fail_order"]

_FOR_EVERYBODY = {
    FailureCause.AGENTE_INCOMPLETO: ": el agente terminó sin acabar el producto",
    FailureCause.AGENTE_SIN_AVANCE: ": el agente dejó de avanzar",
}


async def fail_order(
    session: AsyncSession,
    order: Order,
    *,
    failure: Failure,
    actor: Actor,
    policy: Policy,
    now: datetime,
) -> None:
    """Move the locked order to `fallido`; what went wrong in detail is for the factory's people.

    Words of a program or provider outside (`failure.detail`) are in the internal event and in the
    mail to the approver, and nowhere else.

    Raises:
        TransitionRefused: the order is not active, or the actor may not.
    """
    said = f"{failure.message}: {failure.detail}" if failure.detail else failure.message
    await transition(
        session,
        order,
        OrderState.FALLIDO,
        actor=actor,
        now=now,
        failure=failure,
        event=NewEvent(
            kind=EventKind.ESTADO_CAMBIADO,
            agent=actor.name,
            message=f"La orden falló en '{failure.state}'{_FOR_EVERYBODY.get(failure.cause, '')}",
            level=LogLevel.ERROR,
            metadata={
                "estado_anterior": failure.state.value,
                "estado_nuevo": OrderState.FALLIDO.value,
                "causa": failure.cause.value,
            },
        ),
    )
    await append_event(
        session,
        order,
        NewEvent(
            kind=EventKind.FALLO_DETALLADO,
            agent=actor.name,
            message=said,
            level=LogLevel.ERROR,
            metadata={"paso": failure.step},
            visibility=Visibility.INTERNO,
        ),
        actor=actor,
        now=now,
    )
    await post_message(
        session,
        order,
        topic="orden_fallida",
        kind=NotificationKind.ORDEN_FALLIDA,
        recipient=policy.approver_email,
        subject=f"{order.order_number}: falló en {failure.state}",
        body=(
            f"La orden {order.order_number} ({order.nombre_producto}) falló en "
            f"'{failure.state}'.\n\nCausa: {failure.cause}\n{said}\n\n"
            f"Para reintentar desde ese paso: axon orders retry {order.order_number}\n"
        ),
        now=now,
    )
    await tell_failed(session, order, policy=policy, now=now)
