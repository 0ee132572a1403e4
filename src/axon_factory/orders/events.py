"""Append events to an order. The order's row must be locked by the caller."""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.sessions import flush_unless_joined, notify_at_commit
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.events import AboutOrder, EventKind, NewEvent
from axon_factory.domain.states import Actor, ActorKind, OrderState
from axon_factory.orders.notifications.outbox import tell_event

__all__ = ["CHANNEL", "append_event", "as_kept", "content_key", "event_row"]

CHANNEL = "axon_order_events"
"""NOTIFY carries the order's id only and is a hint: listeners catch up from the table."""


def content_key(event: NewEvent) -> str:
    """Return the key by which an agent's repeated entry is recognised: its whole content."""
    content = json.dumps(
        [
            event.agent,
            event.message,
            event.level,
            event.occurred_at.isoformat() if event.occurred_at else None,
            dict(event.metadata),
        ],
        sort_keys=True,
        ensure_ascii=False,
    )
    return "contenido:" + hashlib.sha256(content.encode()).hexdigest()


def as_kept(order: AboutOrder, event: NewEvent, actor: Actor) -> NewEvent:
    """Return `event` as the order may keep it: without texts if the order is erased."""
    if order.borrado_at is not None and event.kind is not EventKind.ORDEN_BORRADA:
        return event.erased(by_line=actor.kind is ActorKind.WORKER)
    return event


def event_row(order: AboutOrder, event: NewEvent, actor: Actor, now: datetime) -> dict[str, Any]:
    """Return the row of an event whose sequence is the order's newest."""
    return {
        "order_id": order.id,
        "seq": order.event_seq,
        "kind": event.kind,
        "tipo": event.level,
        "agente": event.agent,
        "mensaje": event.message,
        "details": dict(event.metadata),
        "visibilidad": event.visibility,
        "intento": order.intento,
        "actor": actor.id,
        "occurred_at": event.occurred_at or now,
        "received_at": now,
        "dedupe_key": event.dedupe_key,
    }


async def append_event(
    session: AsyncSession,
    order: Order,
    event: NewEvent,
    *,
    actor: Actor,
    now: datetime,
    left: OrderState | None = None,
) -> bool:
    """Append `event` with the order's next sequence; return False for a repeated `dedupe_key`.

    `left` is the state that the order left by it, if it did. Webhooks are told of it in the same
    transaction (`domain.notifications.OCCASIONS`).
    """
    if event.dedupe_key is not None:
        repeated = await session.scalar(
            select(col(OrderEvent.position)).where(
                col(OrderEvent.order_id) == order.id,
                col(OrderEvent.dedupe_key) == event.dedupe_key,
            )
        )
        if repeated is not None:
            return False
    event = as_kept(order, event, actor)
    order.event_seq += 1
    session.add(OrderEvent(**event_row(order, event, actor, now)))
    await flush_unless_joined(session)
    notify_at_commit(session, CHANNEL, str(order.id))
    await tell_event(session, order, event, left=left, now=now)
    return True
