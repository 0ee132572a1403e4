"""Hand the product over: `entregado`, and the delivery mail in the same transaction (§5.6)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.states import Actor, OrderState
from axon_factory.orders.outbox import post_message
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import transition

__all__ = ["hand_over"]


async def hand_over(
    session: AsyncSession, order: Order, *, actor: Actor, policy: Policy, now: datetime
) -> None:
    """Move the deployed, locked order to `entregado` and post the delivery mail.

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
    portal = (order.resultado or {}).get("portal_url", policy.public_url)
    await post_message(
        session,
        order,
        topic="entrega",
        kind=NotificationKind.ORDEN_ENTREGADA,
        recipient=order.datos_cliente["email"],
        subject=f"Tu producto está listo: {order.nombre_producto}",
        body=(
            f"Hola, {order.datos_cliente['nombre']}:\n\n"
            f"{order.nombre_producto} (orden {order.order_number}) está en marcha.\n\n"
            f"En tu portal están sus enlaces y su guía:\n{portal}\n\n"
            "Por seguridad, las credenciales no viajan por correo: se muestran una sola vez, "
            "cuando las pides con tu cuenta o a tu asesor.\n\n"
            f"¿Preguntas? {policy.support_email}\n"
        ),
        now=now,
    )
