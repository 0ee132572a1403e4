"""The delivery log: what was sent where, how each try went, and sending it anew.

`family` says who asks, as in `destinations`: a family of keys has the log of its own destinations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import (
    NotificationDestination,
    Order,
    OutboxAttempt,
    OutboxMessage,
)
from axon_factory.domain.errors import Conflict, NotFound, OrderErased
from axon_factory.domain.messages import DeliveryState
from axon_factory.domain.notifications import NotificationKind
from axon_factory.jobs.queue import enqueue_message
from axon_factory.orders.lists.cursor import Cursor, decode, encode
from axon_factory.orders.notifications.destinations import find_destination
from axon_factory.orders.notifications.outbox import address_to, key_serves

__all__ = [
    "Delivery",
    "DeliveryPage",
    "DeliveryQuery",
    "attempts_of",
    "delivery_id_of",
    "find_delivery",
    "list_deliveries",
    "redeliver",
    "send_test",
    "state_of",
]

_NO_RANK = 0
# Of the outer joins' sides either may be None, which their types do not say.
_Rows = Select[OutboxMessage, str, NotificationDestination]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message with what it is about and where it goes; a mail has no destination."""

    message: OutboxMessage
    order_number: str | None
    destination: NotificationDestination | None


@dataclass(frozen=True, slots=True)
class DeliveryQuery:
    """Which deliveries; None leaves a filter out. `cursor` is where the page before ended."""

    state: DeliveryState | None = None
    order_id: UUID | None = None
    destination_id: UUID | None = None
    cursor: str | None = None
    limit: int = 50
    family: str | None = None

    @property
    def identity(self) -> str:
        """Tells one filter's cursors from another's."""
        return f"deliveries|{self.state}|{self.order_id}|{self.destination_id}"


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, the newest first, and the cursor of what follows."""

    deliveries: Sequence[Delivery]
    next_cursor: str | None


def state_of(message: OutboxMessage) -> DeliveryState:
    """Return how far the message is."""
    if message.sent_at is not None:
        return DeliveryState.ENTREGADA
    if message.given_up_at is not None:
        return DeliveryState.ABANDONADA
    return DeliveryState.PENDIENTE


async def list_deliveries(session: AsyncSession, query: DeliveryQuery) -> DeliveryPage:
    """Return a page of the log.

    Raises:
        ValidationFailed: the cursor is none, or another list's.
    """
    rows = await session.execute(_filtered(query).limit(query.limit + 1))
    found = [Delivery(*row) for row in rows]
    shown, more = found[: query.limit], len(found) > query.limit
    following = _cursor_after(shown[-1].message, query) if more else None
    return DeliveryPage(shown, following)


async def find_delivery(
    session: AsyncSession, message_id: UUID, family: str | None = None
) -> Delivery:
    """Return one delivery.

    Raises:
        NotFound: there is none, or it is not the family's.
    """
    statement = _joined(family).where(col(OutboxMessage.id) == message_id)
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise _no_such_delivery(str(message_id))
    return Delivery(*row)


async def attempts_of(session: AsyncSession, message_id: UUID) -> Sequence[OutboxAttempt]:
    """Return every try at a delivery, the first one first."""
    query = select(OutboxAttempt).where(col(OutboxAttempt.message_id) == message_id)
    return list(await session.scalars(query.order_by(col(OutboxAttempt.number))))


async def redeliver(session: AsyncSession, message_id: UUID, family: str | None = None) -> Delivery:
    """Send a message again now, under the same id, and as often as a new one.

    Raises:
        NotFound: there is none, or it is not the family's.
        Conflict: its destination is switched off or was removed, or its key has ended.
        OrderErased: the personal data of its order were erased.
    """
    destination = (await find_delivery(session, message_id, family)).destination
    message = await session.get_one(
        OutboxMessage, message_id, with_for_update=True, populate_existing=True
    )
    order = await session.get(Order, message.order_id) if message.order_id else None
    if order is not None and order.borrado_at is not None:
        raise OrderErased(order.order_number)
    if message.destination_id is not None:
        await _check_serves(session, destination)
    message.sent_at = message.given_up_at = message.last_error = None
    message.attempts = 0
    await session.flush()
    await enqueue_message(session, message.id)
    return await find_delivery(session, message_id, family)


async def send_test(
    session: AsyncSession, destination_id: UUID, now: datetime, *, family: str | None = None
) -> Delivery:
    """Enqueue a test notification to one destination, even if it does not listen to any.

    Raises:
        NotFound: there is none.
        Conflict: it is switched off, or its key has ended.
    """
    destination = await find_destination(session, destination_id, family=family)
    await _check_serves(session, destination)
    key = f"prueba:{uuid4()}"
    row = address_to(destination, None, NotificationKind.PRUEBA, key=key, now=now)
    message = OutboxMessage(**row)
    session.add(message)
    await session.flush()
    await enqueue_message(session, message.id)
    return Delivery(message, None, destination)


def delivery_id_of(text: str) -> UUID:
    """Return the id, which must be spelt as answers spell it: any other names none.

    Raises:
        NotFound: it is no such id.
    """
    try:
        found = UUID(text)
    except ValueError:
        raise _no_such_delivery(text) from None
    if str(found) != text:
        raise _no_such_delivery(text)
    return found


def _joined(family: str | None) -> _Rows:
    statement = (
        select(OutboxMessage, col(Order.order_number), NotificationDestination)
        .outerjoin(Order, col(Order.id) == col(OutboxMessage.order_id))
        .outerjoin(
            NotificationDestination,
            col(NotificationDestination.id) == col(OutboxMessage.destination_id),
        )
    )
    if family is None:
        return statement
    return statement.where(col(NotificationDestination.owner) == family)


def _filtered(query: DeliveryQuery) -> _Rows:
    sent, given_up = col(OutboxMessage.sent_at), col(OutboxMessage.given_up_at)
    created, key = col(OutboxMessage.created_at), col(OutboxMessage.id)
    statement = _joined(query.family).order_by(created.desc(), key)
    match query.state:
        case DeliveryState.ENTREGADA:
            statement = statement.where(sent.is_not(None))
        case DeliveryState.ABANDONADA:
            statement = statement.where(sent.is_(None), given_up.is_not(None))
        case DeliveryState.PENDIENTE:
            statement = statement.where(sent.is_(None), given_up.is_(None))
        case None:
            pass
    if query.order_id is not None:
        statement = statement.where(col(OutboxMessage.order_id) == query.order_id)
    if query.destination_id is not None:
        statement = statement.where(col(OutboxMessage.destination_id) == query.destination_id)
    if query.cursor is not None:
        place = decode(query.cursor)
        place.check(query.identity)
        after = and_(created == place.moment, key > place.order_id)
        statement = statement.where(or_(created < place.moment, after))
    return statement


def _cursor_after(message: OutboxMessage, query: DeliveryQuery) -> str:
    place = Cursor(forward=True, rank=_NO_RANK, moment=message.created_at, order_id=message.id)
    return encode(place, query.identity)


async def _check_serves(session: AsyncSession, destination: NotificationDestination | None) -> None:
    """Refuse to send where nothing is sent; a message that waits for it would be given up."""
    now = datetime.now(UTC)
    if (
        destination is None
        or not destination.active
        or not await key_serves(session, destination, now)
    ):
        raise Conflict(
            "El destino está desactivado, se eliminó o su clave terminó: no se le envía nada",
            message_en="The destination is switched off, was removed, or its key has ended: "
            "nothing is sent to it",
        )


def _no_such_delivery(text: str) -> NotFound:
    return NotFound(f"No existe la entrega {text}", message_en=f"There is no delivery {text}")
