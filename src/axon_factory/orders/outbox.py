"""Messages that leave only if the transaction that tells of them commits (resolutions 26)."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OutboxMessage
from axon_factory.jobs.queue import enqueue_message

__all__ = ["count_unsent", "post_message", "post_notice"]


async def post_message(
    session: AsyncSession,
    order: Order,
    *,
    topic: str,
    recipient: str,
    subject: str,
    body: str,
    now: datetime,
) -> None:
    """Put a message into the outbox, once per order, `topic` and attempt, and enqueue it."""
    key = f"{order.id}:{topic}:{order.intento}"
    known = await session.scalar(
        select(col(OutboxMessage.id)).where(col(OutboxMessage.dedupe_key) == key)
    )
    if known is not None:
        return
    await _keep(session, key, order.id, recipient, subject, body, now)


async def post_notice(
    session: AsyncSession, *, key: str, recipient: str, subject: str, body: str, now: datetime
) -> None:
    """Put a message that is about no order into the outbox, and enqueue it; `key` is its own."""
    await _keep(session, key, None, recipient, subject, body, now)


async def _keep(
    session: AsyncSession,
    key: str,
    order_id: UUID | None,
    recipient: str,
    subject: str,
    body: str,
    now: datetime,
) -> None:
    message = OutboxMessage(
        id=uuid4(),
        dedupe_key=key,
        order_id=order_id,
        recipient=recipient,
        subject=subject,
        body=body,
        created_at=now,
    )
    session.add(message)
    await session.flush()
    await enqueue_message(session, message.id)


async def count_unsent(session: AsyncSession, order_id: UUID) -> int:
    """Return how many of the order's messages have not left yet."""
    unsent = await session.scalar(
        select(func.count())
        .select_from(OutboxMessage)
        .where(col(OutboxMessage.order_id) == order_id, col(OutboxMessage.sent_at).is_(None))
    )
    return unsent or 0
