"""Signs of life of a session that builds, and its silence (resolutions 25)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.building import Priority, Silence
from axon_factory.domain.errors import Conflict
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.permissions import Action, Principal, serves_in
from axon_factory.domain.states import Actor, ActorKind, OrderState
from axon_factory.jobs.queue import enqueue_advance
from axon_factory.orders.events import append_event
from axon_factory.orders.outbox import post_message
from axon_factory.orders.policy import Policy

__all__ = ["mark_silent", "note_caller", "note_life", "take_heartbeat"]

_LINE = Actor(ActorKind.WORKER, "worker", "Super Axon Agent")
_WORDS = {
    Silence.SIN_RESPUESTA: "no responde",
    Silence.ESTANCADO: "parece estancada",
}


async def take_heartbeat(
    session: AsyncSession, order: Order, *, actor: Actor, now: datetime
) -> None:
    """Note that the agent of the locked order lives, and let its builder be looked at soon.

    The order's version stays: a beat changes nothing that anybody decides by.

    Raises:
        Conflict: nothing is being built: the agent may stop.
    """
    if not serves_in(Action.SEND_HEARTBEAT, OrderState(order.estado)):
        raise Conflict(
            f"La orden {order.order_number} está en '{order.estado}': ya no se construye",
            message_en=f"Order {order.order_number} is in '{order.estado}': "
            "it is not being built any more",
        )
    await note_life(session, order, at=now, actor=actor, now=now)
    if order.espera is None:
        await enqueue_advance(session, order.id, rank=Priority(order.prioridad).rank)


async def note_caller(
    session: AsyncSession, order: Order, principal: Principal, now: datetime
) -> None:
    """Note that whoever asks lives, if it is the agent of the locked order's attempt."""
    if principal.attempt is not None and order.estado == OrderState.CONSTRUCCION:
        await note_life(session, order, at=now, actor=principal.actor, now=now)


async def note_life(
    session: AsyncSession, order: Order, *, at: datetime, actor: Actor, now: datetime
) -> None:
    """Note a sign of life of the locked order's session; a newer one ends its silence."""
    if order.heartbeat_at is not None and at <= order.heartbeat_at:
        return
    order.heartbeat_at = at
    if order.silence is None:
        return
    order.silence = None
    event = NewEvent(
        kind=EventKind.SESION_EN_SILENCIO,
        agent=actor.name,
        message="La sesión volvió a dar señales de vida",
        visibility=Visibility.INTERNO,
        metadata={"silencio": None},
    )
    await append_event(session, order, event, actor=actor, now=now)
    _changed(order, now)


async def mark_silent(
    session: AsyncSession, order: Order, level: Silence, *, policy: Policy, now: datetime
) -> None:
    """Show the locked order's session as silent, and tell the factory's people once a level."""
    since = order.heartbeat_at or now
    order.silence = level
    minutes = int((now - since).total_seconds() // 60)
    event = NewEvent(
        kind=EventKind.SESION_EN_SILENCIO,
        agent=_LINE.name,
        message=f"La sesión {_WORDS[level]}: {minutes} minutos sin señales de vida",
        level=LogLevel.WARNING,
        visibility=Visibility.INTERNO,
        metadata={"silencio": level.value, "session_id": order.session_id},
    )
    await append_event(session, order, event, actor=_LINE, now=now)
    await post_message(
        session,
        order,
        # One message a level of each silence: after a sign of life it is another silence.
        topic=f"silencio:{level}:{since.timestamp():.0f}",
        recipient=policy.approver_email,
        subject=f"{order.order_number}: la construcción {_WORDS[level]}",
        body=(
            f"El agente que construye la orden {order.order_number} ({order.nombre_producto}) "
            f"lleva {minutes} minutos sin dar señales de vida.\n\n"
            f"Sesión: {order.session_id}\nConstructor: {order.builder or policy.agents.builder}\n\n"
            "La orden no falla por eso y la línea sigue mirando. Si el agente no vuelve:\n"
            f'axon orders cancel {order.order_number} --reason "…"\n'
        ),
        now=now,
    )
    _changed(order, now)


def _changed(order: Order, now: datetime) -> None:
    order.version += 1
    order.updated_at = now
