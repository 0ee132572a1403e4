"""Reports of agents whose attempt is over: refused before anything is read, and on record."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import OrderEvent
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.states import Actor, ActorKind
from axon_factory.orders.events import append_event
from axon_factory.orders.locking import lock_order_by_id

__all__ = ["append_late_report", "is_known_late"]


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

    The order's version stays: whoever may not write it must not make others' `If-Match` fail.

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
