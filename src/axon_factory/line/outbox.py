"""Send what the outbox holds: at least once, with a stable key (resolutions 26)."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.pipeline import ask, send
from axon_factory.db.sessions import Database
from axon_factory.db.tables import NotificationDestination, OutboxMessage
from axon_factory.domain.events import ERASED
from axon_factory.domain.messages import Channel, delay_after
from axon_factory.jobs.queue import enqueue_message
from axon_factory.line.step import LinePorts
from axon_factory.orders.notifications.outbox import KEY_ENDED, key_serves
from axon_factory.orders.notifications.sealing import (
    URL,
    filled_in,
    open_secrets,
    open_value,
)
from axon_factory.ports.errors import PortError
from axon_factory.ports.messages import DeliveryFailed, Destination, Mail, Notification

__all__ = ["OutboxSender"]

_log = structlog.get_logger(__name__)
_LONGEST_ERROR = 2000


@dataclass(frozen=True, slots=True)
class _Try:
    """One try and how it ended; `error` is None if the message was taken."""

    started_at: datetime
    duration_ms: int
    status: int | None = None
    error: PortError | None = None


class OutboxSender:
    """Delivers messages over their channel, again and again, with growing delays."""

    def __init__(
        self,
        database: Database,
        ports: LinePorts,
        *,
        public_url: str = "",
        spread: Callable[[], float] = random.random,
    ) -> None:
        """Mailer, notifier and secret box are those of `ports`.

        `public_url` begins the links to the API, without a slash at its end. `spread` returns from
        0 to 1 how much of a tenth is added to a delay.
        """
        self._database = database
        self._ports = ports
        self._public_url = public_url
        self._spread = spread

    async def send(self, message_id: UUID) -> None:
        """Try one message once, unless it was sent or given up; called again it does nothing."""
        async with self._database.reading() as session:
            message = await session.get(OutboxMessage, message_id)
            if message is None or message.sent_at is not None or message.given_up_at is not None:
                return
            destination = (
                await session.get(NotificationDestination, message.destination_id)
                if message.destination_id
                else None
            )
            serves = destination is None or await key_serves(
                session, destination, datetime.now(UTC)
            )
        tried = await self._try(message, destination, serves=serves)
        if tried.error is None:
            await self._record_success(message, tried)
        else:
            await self._record_failure(message_id, tried, tried.error)

    async def _try(
        self, message: OutboxMessage, destination: NotificationDestination | None, *, serves: bool
    ) -> _Try:
        started_at, begun = datetime.now(UTC), time.monotonic()
        status: int | None = None
        failure: PortError | None = None
        try:
            if not serves:
                raise DeliveryFailed(KEY_ENDED, transient=False)
            status = await self._deliver(message, destination, started_at)
        except PortError as error:
            failure = error
            status = error.status if isinstance(error, DeliveryFailed) else None
        return _Try(started_at, round((time.monotonic() - begun) * 1000), status, failure)

    async def _deliver(
        self,
        message: OutboxMessage,
        destination: NotificationDestination | None,
        now: datetime,
    ) -> int | None:
        """Hand the message to its port; return the status of the answer, if there is one."""
        if Channel(message.channel) is Channel.MAIL:
            text_part, html = self._mail_parts(message)
            mail = Mail(to=message.recipient, subject=message.subject, text=text_part, html=html)
            await self._ports.mailer.send(mail, idempotency_key=message.dedupe_key)
            return None
        receipt = await self._ports.notifier.deliver(
            Notification(
                kind=message.event or "",
                at=message.created_at,
                payload=self._payload(message),
                title=message.subject,
                text=message.body,
            ),
            self._opened(destination, now),
            idempotency_key=f"msg_{message.id.hex}",
        )
        return receipt.status

    def _payload(self, message: OutboxMessage) -> dict[str, Any]:
        """Return what a webhook gets: what was written, and where the order is read now."""
        payload = message.payload or {}
        if message.order_id is None:
            return payload
        url = f"{self._public_url}/api/orders/{message.order_id}"
        return {**payload, "data": {**payload.get("data", {}), "url": url}}

    def _mail_parts(self, message: OutboxMessage) -> tuple[str, str | None]:
        """Return text and HTML of a mail, with the secret that its row keeps sealed."""
        try:
            return filled_in(self._ports.secret_box, message)
        except ValueError:
            # As in _opened: another worker may have the keys.
            raise DeliveryFailed(
                "El correo no se abre con las claves de este trabajador.", transient=True
            ) from None

    def _opened(self, destination: NotificationDestination | None, now: datetime) -> Destination:
        if destination is None or not destination.active:
            raise DeliveryFailed("El destino está desactivado o se eliminó.", transient=False)
        box = self._ports.secret_box
        try:
            url = open_value(box, destination, URL)
            secrets = open_secrets(box, destination, now)
        except ValueError:
            # A worker without the right keys must not end what another one can still send.
            raise DeliveryFailed(
                "El destino no se abre con las claves de este trabajador.", transient=True
            ) from None
        of_key = destination.owner is not None
        return Destination(Channel(destination.kind), url, secrets, of_key=of_key)

    async def _record_success(self, message: OutboxMessage, tried: _Try) -> None:
        async with self._database.transaction("message.sent", joined=True) as session:
            parameters = {"id": message.id, "now": datetime.now(UTC)}
            sent = await ask(session, _SENT, parameters)
            if sent is not None:
                await _log_attempt(session, message.id, tried)
        if sent is None and Channel(message.channel) is Channel.MAIL:
            await self._forget_erased(message)
        _log.info("message sent", message_id=str(message.id), channel=message.channel)

    async def _forget_erased(self, message: OutboxMessage) -> None:
        """Remove a mail whose order was erased while it was on its way."""
        async with self._database.reading() as session:
            now = await session.get(OutboxMessage, message.id)
        if now is not None and now.recipient == ERASED:
            await self._ports.mailer.forget([message.dedupe_key])

    async def _record_failure(self, message_id: UUID, tried: _Try, error: PortError) -> None:
        gone = isinstance(error, DeliveryFailed) and error.gone
        asked = error.retry_after if isinstance(error, DeliveryFailed) else None
        async with self._database.transaction("message.postponed") as session:
            stored = await _locked(session, message_id)
            if stored is None:
                return
            now = datetime.now(UTC)
            stored.attempts += 1
            stored.last_error = str(error)[:_LONGEST_ERROR]
            await _log_attempt(session, message_id, tried)
            delay = (
                delay_after(
                    Channel(stored.channel), stored.attempts, asked=asked, spread=self._spread()
                )
                if error.transient
                else None
            )
            if delay is None:
                stored.given_up_at = now
            else:
                await enqueue_message(session, message_id, at=now + delay)
            if gone and stored.destination_id is not None:
                await _disable(session, stored.destination_id, str(error))
        what = "message given up" if delay is None else "message postponed"
        _log.warning(what, message_id=str(message_id), channel=stored.channel, error=str(error))


async def _locked(session: AsyncSession, message_id: UUID) -> OutboxMessage | None:
    """Lock the message and return it if it is still to be sent."""
    return await session.scalar(
        select(OutboxMessage)
        .where(
            col(OutboxMessage.id) == message_id,
            col(OutboxMessage.sent_at).is_(None),
            col(OutboxMessage.given_up_at).is_(None),
        )
        .with_for_update()
    )


async def _log_attempt(session: AsyncSession, message_id: UUID, tried: _Try) -> None:
    await send(
        session,
        _LOG,
        {
            "message_id": message_id,
            "started_at": tried.started_at,
            "duration_ms": tried.duration_ms,
            "delivered": tried.error is None,
            "status": tried.status,
            "error": None if tried.error is None else str(tried.error)[:_LONGEST_ERROR],
        },
    )


_SENT = text(
    """
    UPDATE outbox_messages SET sent_at = :now, attempts = attempts + 1
    WHERE id = :id AND sent_at IS NULL AND given_up_at IS NULL RETURNING id
    """
)
# The message's row is locked: no other try is logged meanwhile.
_LOG = text(
    """
    INSERT INTO outbox_attempts
        (message_id, number, started_at, duration_ms, delivered, status, error)
    SELECT :message_id, coalesce(max(number), 0) + 1, CAST(:started_at AS timestamptz),
           :duration_ms, :delivered, CAST(:status AS smallint), CAST(:error AS text)
    FROM outbox_attempts WHERE message_id = :message_id
    """
)


async def _disable(session: AsyncSession, destination_id: UUID, reason: str) -> None:
    """Switch a destination off that wants nothing any more; an administrator can switch it on."""
    destination = await session.get(NotificationDestination, destination_id)
    if destination is not None and destination.active:
        destination.active, destination.disabled_reason = False, reason
        destination.version += 1
        await session.flush()
