"""Send what the outbox holds: at least once, with a stable key (resolutions 26)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.sessions import Database
from axon_factory.db.tables import OutboxMessage
from axon_factory.jobs.queue import enqueue_message
from axon_factory.ports.errors import PortError
from axon_factory.ports.mailer import Mail, Mailer

__all__ = ["OutboxSender"]

_log = structlog.get_logger(__name__)
_FIRST_DELAY = timedelta(seconds=5)
_LONGEST_DELAY = timedelta(hours=1)
_MOST_DOUBLINGS = 16  # a message is repeated for ever, and a timedelta overflows


class OutboxSender:
    """Delivers messages over the mailer, retrying with growing delays for as long as it takes."""

    def __init__(self, database: Database, mailer: Mailer) -> None:
        """`mailer` recognises a repeated message by its key."""
        self._database = database
        self._mailer = mailer

    async def send(self, message_id: UUID) -> None:
        """Send one message unless it was sent; called again it does nothing."""
        async with self._database.reading() as session:
            message = await session.get(OutboxMessage, message_id)
        if message is None or message.sent_at is not None:
            return
        mail = Mail(to=message.recipient, subject=message.subject, text=message.body)
        try:
            await self._mailer.send(mail, idempotency_key=message.dedupe_key)
        except PortError as error:
            await self._postpone(message_id, str(error))
            return
        async with self._database.transaction("message.sent") as session:
            stored = await self._locked(session, message_id)
            if stored is not None:
                stored.sent_at = datetime.now(UTC)
                stored.attempts += 1
        _log.info("message sent", message_id=str(message_id))

    async def _postpone(self, message_id: UUID, error: str) -> None:
        async with self._database.transaction("message.postponed") as session:
            stored = await self._locked(session, message_id)
            if stored is None:
                return
            delay = min(_FIRST_DELAY * 2 ** min(stored.attempts, _MOST_DOUBLINGS), _LONGEST_DELAY)
            stored.attempts += 1
            stored.last_error = error
            await session.flush()
            await enqueue_message(session, message_id, at=datetime.now(UTC) + delay)
        _log.warning("message postponed", message_id=str(message_id), error=error)

    async def _locked(self, session: AsyncSession, message_id: UUID) -> OutboxMessage | None:
        return await session.scalar(
            select(OutboxMessage)
            .where(col(OutboxMessage.id) == message_id, col(OutboxMessage.sent_at).is_(None))
            .with_for_update()
        )
