"""Signs of life of a run: heartbeats, hints and silence (resolutions 25); reports too late.

A hint is a reason to look and nothing more (threat A15). Its text is not read: a forged hint makes
the line look at the agent once more, and the line finds the truth there.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.building import Priority, Silence
from axon_factory.domain.errors import Conflict
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.names import SUPER_AXON
from axon_factory.domain.permissions import Action, Principal, serves_in
from axon_factory.domain.states import Actor, ActorKind, OrderState
from axon_factory.jobs.queue import enqueue_advance
from axon_factory.orders.change import Change
from axon_factory.orders.events import append_event
from axon_factory.orders.notifications.desk import about, builder_name, how_to_act, order_page
from axon_factory.orders.read import lock_order_by_id

__all__ = [
    "append_late_report",
    "is_known_late",
    "look_now",
    "mark_silent",
    "note_caller",
    "note_life",
    "take_heartbeat",
]

_WORDS = {
    Silence.SIN_RESPUESTA: "no responde",
    Silence.ESTANCADO: "parece estancada",
}


async def take_heartbeat(change: Change) -> None:
    """Note that the agent of the locked order lives, and let its builder be looked at soon.

    The order's version stays: a beat changes nothing that a person decides by.

    Raises:
        Conflict: nothing is being built: the agent may stop.
    """
    order = change.order
    if not serves_in(Action.SEND_HEARTBEAT, OrderState(order.estado)):
        raise Conflict(
            f"La orden {order.order_number} está en '{order.estado}': ya no se construye",
            message_en=f"Order {order.order_number} is in '{order.estado}': "
            "it is not being built any more",
        )
    await note_life(change, at=change.now)
    if order.espera is None:
        await enqueue_advance(change.tx, order.id, rank=Priority(order.prioridad).rank)


async def note_caller(change: Change, principal: Principal) -> None:
    """Note that the caller lives, if it is the agent of the locked order's attempt."""
    if principal.attempt is not None and change.order.estado == OrderState.CONSTRUCCION:
        await note_life(change, at=change.now)


async def note_life(change: Change, *, at: datetime) -> None:
    """Note a sign of life of the locked order's run; a newer one ends its silence."""
    order = change.order
    if order.heartbeat_at is not None and at <= order.heartbeat_at:
        return
    order.heartbeat_at = at
    if order.silence is None:
        return
    order.silence = None
    await change.tell_staff(
        EventKind.SESION_EN_SILENCIO, "La sesión volvió a dar señales de vida", silencio=None
    )
    await change.touch()


async def mark_silent(change: Change, level: Silence) -> None:
    """Show the locked order's run as silent, and tell the factory's people once a level."""
    order = change.order
    since = order.heartbeat_at or change.now
    order.silence = level
    minutes = int((change.now - since).total_seconds() // 60)
    await change.by(SUPER_AXON).tell_staff(
        EventKind.SESION_EN_SILENCIO,
        f"La sesión {_WORDS[level]}: {minutes} minutos sin señales de vida",
        level=LogLevel.WARNING,
        silencio=level.value,
        session_id=order.session_id,
    )
    builder = order.builder or change.policy.agents.builder
    await change.mail_approver(
        # One message a level of each silence: after a sign of life it is another silence.
        topic=f"silencio:{level}:{since.timestamp():.0f}",
        subject=f"{order.order_number}: la construcción {_WORDS[level]}",
        body=(
            f"El agente que construye la orden {about(order)} "
            f"lleva {minutes} minutos sin dar señales de vida.\n\n"
            f"La construye: {builder_name(builder)}\nSesión: {order.session_id}\n\n"
            "La orden no falla por eso y la línea sigue mirando.\n\n"
            + how_to_act(
                "Si el agente no vuelve, decide en",
                order_page(change.policy, order),
                f'axon orders cancel {order.order_number} --reason "…"',
            )
        ),
    )
    await change.touch()


async def look_now(session: AsyncSession, order: Order) -> bool:
    """Have the line look at the locked order's run now; return whether there is one.

    The order itself is not changed: its version stays what it is.
    """
    at_work = order.estado == OrderState.CONSTRUCCION and order.session_id is not None
    if not at_work or order.espera is not None:
        return False
    await enqueue_advance(session, order.id, rank=Priority(order.prioridad).rank)
    return True


async def is_known_late(
    session: AsyncSession, order_id: UUID, token_id: str, now: datetime
) -> bool:
    """Return whether this minute's report by the token is on the order's history already."""
    found = await session.scalar(
        select(col(OrderEvent.position)).where(
            col(OrderEvent.order_id) == order_id,
            col(OrderEvent.dedupe_key) == _key(token_id, now),
        )
    )
    return found is not None


async def append_late_report(
    session: AsyncSession,
    order_id: UUID,
    *,
    token_id: str,
    agent: str,
    attempt: int,
    now: datetime,
) -> None:
    """Note for the factory's people that an agent still reports on an `attempt` that is over.

    The order's version stays: an agent without a right to write must not break others' `If-Match`.

    Raises:
        OrderNotFound: there is no such order.
    """
    order = await lock_order_by_id(session, order_id)
    event = NewEvent(
        kind=EventKind.INTENTO_ANTERIOR,
        agent=agent,
        message=f"Un agente del intento {attempt} sigue reportando: se le rechaza",
        level=LogLevel.WARNING,
        visibility=Visibility.INTERNO,
        metadata={"intento_del_agente": attempt, "token": token_id},
        dedupe_key=_key(token_id, now),
    )
    actor = Actor(ActorKind.BUILDER, f"token:{token_id}", agent)
    await append_event(session, order, event, actor=actor, now=now)


def _key(token_id: str, now: datetime) -> str:
    return f"intento_anterior:{token_id}:{now:%Y-%m-%dT%H:%M}"
