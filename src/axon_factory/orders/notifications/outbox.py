"""Messages that leave only if the transaction that tells of them commits (resolutions 26)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Text,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.pipeline import ask
from axon_factory.db.tables import ApiKey, NotificationDestination, Order, OutboxMessage
from axon_factory.domain.events import AboutOrder, NewEvent
from axon_factory.domain.messages import Channel
from axon_factory.domain.notifications import (
    ORDER_KINDS,
    NotificationKind,
    Subject,
    kinds_of,
    payload_of,
    text_of,
)
from axon_factory.domain.permissions import (
    PERMISSIONS,
    SCOPE_GRANTS,
    Action,
    Principal,
)
from axon_factory.domain.states import OrderState
from axon_factory.jobs.queue import enqueue_message

__all__ = [
    "KEY_ENDED",
    "Destination",
    "Letter",
    "address_to",
    "count_unsent",
    "end_orphans",
    "event_messages",
    "family_of",
    "key_serves",
    "letter_row",
    "notify",
    "owner_serves",
    "post_letter",
    "post_message",
    "tell_event",
    "tell_nobody",
]

KEY_ENDED = "La clave de API del destino terminó."
"""What answers and the delivery log show where the owner of a destination is gone."""

Moment = datetime | BindParameter[datetime]
"""A moment, or its place in a statement that is compiled once."""

_KEYS = frozenset(SCOPE_GRANTS.values())
_READS = PERMISSIONS[Action.READ_ORDER].grants & PERMISSIONS[Action.MANAGE_NOTIFICATIONS].grants
_READING = [scope.value for scope, grant in SCOPE_GRANTS.items() if grant in _READS]


async def family_of(session: AsyncSession, principal: Principal) -> str | None:
    """Return the family of keys whose destinations the caller keeps, None for an administrator.

    A key that was rotated keeps those of the key before: the family stays the same.
    """
    if principal.grant not in _KEYS:
        return None
    key_id = principal.id.removeprefix("key:")
    return (
        await session.scalar(select(col(ApiKey.family)).where(col(ApiKey.id) == key_id)) or key_id
    )


def owner_serves(now: Moment) -> ColumnElement[bool]:
    """Return the condition that a key of the destination's owner holds and may read orders."""
    return exists().where(
        col(ApiKey.family) == col(NotificationDestination.owner),
        ApiKey.holds_at(now),
        col(ApiKey.scope).in_(_READING),
    )


async def end_orphans(session: AsyncSession, now: datetime) -> None:
    """Switch off the destinations of keys that have ended: none is told anything any more."""
    await session.execute(
        update(NotificationDestination)
        .where(
            col(NotificationDestination.active),
            col(NotificationDestination.owner).is_not(None),
            ~owner_serves(now),
        )
        .values(
            active=False,
            disabled_reason=KEY_ENDED,
            version=col(NotificationDestination.version) + 1,
        )
    )


async def key_serves(
    session: AsyncSession, destination: NotificationDestination, now: datetime
) -> bool:
    """Return whether the destination's owner may still be told: always so of administrators."""
    if destination.owner is None:
        return True
    serving = select(col(NotificationDestination.id)).where(
        col(NotificationDestination.id) == destination.id, owner_serves(now)
    )
    return await session.scalar(serving) is not None


class Destination(Protocol):
    """What a message takes from its destination, named as in `tables.NotificationDestination`."""

    id: UUID
    kind: str
    host: str
    events: list[str]


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says; `html` is the same content again."""

    subject: str
    text: str
    html: str | None = None


async def post_message(
    session: AsyncSession,
    order: Order | None,
    *,
    topic: str,
    recipient: str,
    subject: str,
    body: str,
    now: datetime,
    kind: NotificationKind | None = None,
) -> None:
    """Put a mail into the outbox, once per order, `topic` and attempt, and enqueue it.

    Without an order it is about the line, and `topic` must name the occasion.

    With `kind`, every destination that listens to it is told too, unless it is one of the order's
    own kinds: of those the event has told already. What they are told is that kind's own sentence:
    a mail goes to one person, and may hold a link that is a permission.
    """
    letter = Letter(subject, body)
    await post_letter(session, order, letter, topic=topic, event=kind, recipient=recipient, now=now)
    if kind is not None and kind not in ORDER_KINDS:
        await notify(session, order, kind, topic=topic, now=now)


async def post_letter(
    session: AsyncSession,
    order: Order | None,
    letter: Letter,
    *,
    topic: str,
    event: str | None,
    recipient: str,
    now: datetime,
) -> bool:
    """Put a mail into the outbox as `post_message` does; return False if it is there already.

    No destination is told. `event` names the kind of mail in the delivery log.
    """
    row = letter_row(order, letter, topic=topic, event=event, recipient=recipient, now=now)
    kept = await ask(session, _PUT_ONCE, row)
    if kept is None:
        return False
    await enqueue_message(session, kept[0])
    return True


def letter_row(
    order: AboutOrder | None,
    letter: Letter,
    *,
    topic: str,
    event: str | None,
    recipient: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the row of a mail, as `post_letter` puts it into the outbox."""
    return {
        "id": uuid4(),
        "dedupe_key": _key(order, topic),
        "order_id": None if order is None else order.id,
        "channel": Channel.MAIL,
        "event": event,
        "recipient": recipient,
        "subject": letter.subject,
        "body": letter.text,
        "html": letter.html,
        "created_at": now,
    }


_PUT_ONCE = text(
    """
    INSERT INTO outbox_messages
        (id, dedupe_key, order_id, channel, event, recipient, subject, body, html, created_at,
         attempts)
    VALUES (:id, :dedupe_key, :order_id, :channel, :event, :recipient, :subject, :body, :html,
            :created_at, 0)
    ON CONFLICT (dedupe_key) DO NOTHING RETURNING id
    """
)


async def notify(
    session: AsyncSession,
    order: Order | None,
    kind: NotificationKind,
    *,
    topic: str,
    now: datetime,
) -> None:
    """Tell every destination that listens to `kind`, once per order, `topic` and attempt.

    Without an order it is about the line, and `topic` must name the occasion.
    """
    key = _key(order, topic)
    for destination in await _listeners(session, order, [kind], now):
        own = f"{key}:{destination.id}"
        if not await _is_known(session, own):
            message = address_to(destination, order, kind, key=own, now=now)
            await _put(session, OutboxMessage(**message))


async def tell_event(
    session: AsyncSession,
    order: Order,
    event: NewEvent,
    *,
    left: OrderState | None,
    now: datetime,
) -> None:
    """Tell every destination that listens of the event that was just appended to the order.

    `left` is the state that the order left by it, if it did.
    """
    kinds = kinds_of(event, left, OrderState(order.estado))
    if not kinds:
        return
    listeners = await _listeners(session, order, kinds, now)
    for message in event_messages(listeners, order, kinds, left=left, now=now):
        await _put(session, OutboxMessage(**message))


def event_messages(
    listeners: Iterable[Destination],
    order: AboutOrder,
    kinds: Sequence[NotificationKind],
    *,
    left: OrderState | None,
    now: datetime,
) -> Iterator[dict[str, Any]]:
    """Yield the rows that tell of the order's newest event, to those who listen to this order."""
    for destination in listeners:
        for kind in kinds:
            if not destination.events or kind in destination.events:
                key = f"{order.id}:{order.event_seq}:{kind}:{destination.id}"
                yield address_to(destination, order, kind, key=key, now=now, left=left)


def address_to(
    destination: Destination,
    order: AboutOrder | None,
    kind: NotificationKind,
    *,
    key: str,
    now: datetime,
    left: OrderState | None = None,
) -> dict[str, Any]:
    """Return the row of the message that tells `destination`; `key` is unique to it."""
    subject = None if order is None else _subject(order, left)
    title, text = text_of(kind, subject)
    return {
        "id": uuid4(),
        "dedupe_key": key,
        "order_id": None if order is None else order.id,
        "channel": Channel(destination.kind),
        "destination_id": destination.id,
        "event": kind,
        "payload": payload_of(kind, subject, now),
        "recipient": destination.host,
        "subject": title,
        "body": text,
        "created_at": now,
    }


async def count_unsent(session: AsyncSession, order_id: UUID) -> int:
    """Return how many of the order's messages have not left yet and are still tried."""
    unsent = await session.scalar(
        select(func.count())
        .select_from(OutboxMessage)
        .where(
            col(OutboxMessage.order_id) == order_id,
            col(OutboxMessage.sent_at).is_(None),
            col(OutboxMessage.given_up_at).is_(None),
        )
    )
    return unsent or 0


async def _listeners(
    session: AsyncSession, order: Order | None, kinds: Sequence[NotificationKind], now: datetime
) -> list[NotificationDestination]:
    """Return the destinations that listen to any of `kinds`, and to this order."""
    if session.info.get(_NOBODY):
        return []
    events, owner = col(NotificationDestination.events), col(NotificationDestination.owner)
    statement = select(NotificationDestination).where(
        col(NotificationDestination.active),
        or_(func.cardinality(events) == 0, *(events.contains([kind.value]) for kind in kinds)),
        *_filters(order),
    )
    if ORDER_KINDS.isdisjoint(kinds):
        statement = statement.where(owner.is_(None))
    else:
        statement = statement.where(or_(owner.is_(None), owner_serves(now)))
    found = await session.scalars(
        statement.order_by(col(NotificationDestination.created_at), col(NotificationDestination.id))
    )
    return list(found)


def _filters(order: Order | None) -> Sequence[ColumnElement[bool]]:
    """Return what a destination's filters must be for it to be told of this order, or of none."""
    clients, tags = col(NotificationDestination.client_ids), col(NotificationDestination.tags)
    no_client, no_tag = func.cardinality(clients) == 0, func.cardinality(tags) == 0
    if order is None:
        return no_client, no_tag
    client = no_client if order.cliente_id is None else clients.contains([order.cliente_id])
    return or_(no_client, client), or_(no_tag, literal(order.tags, ARRAY(Text)).contains(tags))


_NOBODY = "no_destinations"


def tell_nobody(session: AsyncSession) -> None:
    """Note that no destination was active when the session's transaction began."""
    session.info[_NOBODY] = True


async def _is_known(session: AsyncSession, key: str) -> bool:
    query = select(col(OutboxMessage.id)).where(col(OutboxMessage.dedupe_key) == key)
    return await session.scalar(query) is not None


async def _put(session: AsyncSession, message: OutboxMessage) -> None:
    session.add(message)
    await session.flush()
    await enqueue_message(session, message.id)


def _key(order: AboutOrder | None, topic: str) -> str:
    return f"linea:{topic}" if order is None else f"{order.id}:{topic}:{order.intento}"


def _subject(order: AboutOrder, left: OrderState | None) -> Subject:
    failure = order.fallo or {}
    return Subject(
        order_id=str(order.id),
        order_number=order.order_number,
        state=order.estado,
        product_type=order.tipo_producto,
        product_name=order.nombre_producto,
        attempt=order.intento,
        facts={
            "estado_anterior": left,
            "seq": order.event_seq,
            "plan_version": order.plan_version,
            "plan_hash": order.plan_hash,
            "causa": failure.get("causa"),
            "estado_fallido": failure.get("estado"),
            "retrabajos": order.retrabajos,
        },
    )
