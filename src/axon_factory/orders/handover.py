"""Hand the product over: `entregado`, and the delivery mail in the same transaction (§5.6)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.states import Actor, OrderState
from axon_factory.orders.mails.client import tell_delivered
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import transition

__all__ = ["hand_over"]


async def hand_over(
    session: AsyncSession, order: Order, *, actor: Actor, policy: Policy, now: datetime
) -> None:
    """Move the deployed, locked order to `entregado` and tell the client.

    Raises:
        TransitionRefused: the order is not `listo`, not deployed, or the actor may not.
    """
    order.asignado_a = "Ops Agent"
    await transition(
        session,
        order,
        OrderState.ENTREGADO,
        actor=actor,
        now=now,
        event=NewEvent(
            kind=EventKind.ENTREGADO,
            agent=actor.name,
            message="🎉 Producto desplegado y entregado al cliente",
            level=LogLevel.SUCCESS,
            metadata={
                "estado_anterior": OrderState.LISTO.value,
                "estado_nuevo": OrderState.ENTREGADO.value,
                "deploy_url": order.deploy_url,
            },
        ),
    )
    await tell_delivered(session, order, policy=policy, now=now)
