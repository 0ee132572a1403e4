"""Destinations of notifications: made, changed, rotated and removed by those who keep them.

`family` says who asks: None is an administrator, who keeps them all; else a family of API keys,
which keeps its own and is told that there are no others.
"""

import os
from base64 import b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.sessions import savepoint
from axon_factory.db.tables import ApiKey, NotificationDestination
from axon_factory.domain.addresses import OutboundRules, UrlRefused
from axon_factory.domain.errors import Conflict, NotFound, PreconditionFailed, ValidationFailed
from axon_factory.domain.messages import Channel
from axon_factory.domain.names import checked_name
from axon_factory.domain.notifications import ORDER_KINDS, NotificationKind
from axon_factory.domain.text import Sentence
from axon_factory.orders.notifications.outbox import key_serves
from axon_factory.orders.notifications.sealing import (
    PREVIOUS_SECRET,
    SECRET,
    URL,
    open_value,
    seal_value,
)
from axon_factory.ports.product import SecretBox

__all__ = [
    "ROTATION_GRACE",
    "ROTATION_GRACE_MAX",
    "CreatedDestination",
    "DestinationChange",
    "DestinationNameTaken",
    "NewDestination",
    "TooManyDestinations",
    "change_destination",
    "create_destination",
    "destination_id_of",
    "find_destination",
    "list_destinations",
    "remove_destination",
    "rotate_secret",
]

ROTATION_GRACE = timedelta(hours=24)
ROTATION_GRACE_MAX = timedelta(days=7)

_SECRET_PREFIX = "whsec_"  # noqa: S105 — how Standard Webhooks marks them
_SECRET_BYTES = 32
_LONGEST_NAME = 100
_MOST_OF_A_KEY = 20
"""Each event writes a message for each of them, in the order's own transaction."""


class DestinationNameTaken(Conflict):
    """There is a destination of this name already."""

    codigo = "destino_existente"

    def __init__(self) -> None:
        super().__init__(
            "Ya existe un destino con ese nombre",
            message_en="There is a destination of that name already",
        )


class TooManyDestinations(Conflict):
    """A family of keys has as many destinations as it may have."""

    codigo = "demasiados_destinos"

    def __init__(self) -> None:
        super().__init__(
            f"Una clave puede tener {_MOST_OF_A_KEY} destinos: elimina uno antes",
            message_en=f"A key may have {_MOST_OF_A_KEY} destinations: delete one first",
        )


@dataclass(frozen=True, slots=True)
class NewDestination:
    """What is said of a destination.

    No `events` means all that its owner may be told of. With `client_ids` it is told of the orders
    of these clients only, with `tags` of orders that have all of these.
    """

    channel: Channel
    name: str
    url: str = field(repr=False)
    events: Collection[NotificationKind] = ()
    client_ids: Collection[str] = ()
    tags: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class DestinationChange:
    """What is to be different; None leaves it."""

    name: str | None = None
    events: Collection[NotificationKind] | None = None
    active: bool | None = None
    client_ids: Collection[str] | None = None
    tags: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class CreatedDestination:
    """A destination, and the signing secret that is never to be had again; a chat has none."""

    destination: NotificationDestination
    secret: str | None = field(repr=False)


async def create_destination(
    session: AsyncSession,
    new: NewDestination,
    *,
    box: SecretBox,
    rules: OutboundRules,
    created_by: str,
    now: datetime,
    family: str | None = None,
) -> CreatedDestination:
    """Make a destination; a webhook gets a secret of its own.

    Raises:
        ValidationFailed: name or address do not do, or a key asks for what it may not be told of.
        DestinationNameTaken: its owner has one of this name.
        TooManyDestinations: the family has as many as it may have.
    """
    if family is not None:
        await _check_room(session, family)
        _check_of_key(new.channel, new.events)
    try:
        url = rules.check(new.url)
    except UrlRefused as refusal:
        raise ValidationFailed({"url": refusal.sentence}) from None
    destination_id = uuid4()
    sealed = {URL: seal_value(box, destination_id, URL, new.url)}
    secret = _new_secret() if new.channel is Channel.WEBHOOK else None
    if secret is not None:
        sealed[SECRET] = seal_value(box, destination_id, SECRET, secret)
    destination = NotificationDestination(
        id=destination_id,
        kind=new.channel,
        name=checked_name(new.name, field="nombre", longest=_LONGEST_NAME),
        host=url.host,
        events=sorted(set(new.events)),
        owner=family,
        client_ids=sorted(set(new.client_ids)),
        tags=sorted(set(new.tags)),
        sealed=sealed,
        created_at=now,
        created_by=created_by,
    )
    await _store(session, destination)
    return CreatedDestination(destination, secret)


async def list_destinations(
    session: AsyncSession, family: str | None = None
) -> Sequence[NotificationDestination]:
    """Return the destinations by name, inactive ones too."""
    name, key = col(NotificationDestination.name), col(NotificationDestination.id)
    return list(await session.scalars(_kept_by(family).order_by(name, key)))


async def find_destination(
    session: AsyncSession, destination_id: UUID, *, lock: bool = False, family: str | None = None
) -> NotificationDestination:
    """Return a destination; `lock` keeps others from changing it until the transaction ends.

    Raises:
        NotFound: there is none, it was removed, or it is not the family's.
    """
    query = _kept_by(family).where(col(NotificationDestination.id) == destination_id)
    if lock:
        # Without the key: orders go on writing messages to it meanwhile.
        query = query.with_for_update(key_share=True)
    found = await session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise _no_such_destination(str(destination_id))
    return found


async def change_destination(
    session: AsyncSession,
    destination_id: UUID,
    change: DestinationChange,
    *,
    if_version: int | None = None,
    family: str | None = None,
) -> NotificationDestination:
    """Change a destination. What waits for one that is switched off is given up.

    Raises:
        NotFound: there is none.
        PreconditionFailed: it is not of `if_version` any more.
        ValidationFailed: the name does not do, or its owner may not be told of these events.
        DestinationNameTaken: its owner has another one of this name.
        Conflict: it is to be switched on, and the key that it belongs to has ended.
    """
    destination = await find_destination(session, destination_id, lock=True, family=family)
    if if_version is not None and if_version != destination.version:
        raise PreconditionFailed(
            f"El destino cambió: está en la versión {destination.version}",
            message_en=f"The destination has changed and is at version {destination.version}",
            version=destination.version,
        )
    if change.name is not None:
        destination.name = checked_name(change.name, field="nombre", longest=_LONGEST_NAME)
    if change.events is not None:
        if destination.owner is not None:
            _check_of_key(Channel(destination.kind), change.events)
        destination.events = sorted(set(change.events))
    if change.client_ids is not None:
        destination.client_ids = sorted(set(change.client_ids))
    if change.tags is not None:
        destination.tags = sorted(set(change.tags))
    if change.active is not None:
        if change.active and not await key_serves(session, destination, datetime.now(UTC)):
            raise _key_ended()
        destination.active = change.active
        destination.disabled_reason = None
    destination.version += 1
    await _store(session, destination)
    return destination


async def rotate_secret(
    session: AsyncSession,
    destination_id: UUID,
    *,
    box: SecretBox,
    now: datetime,
    grace: timedelta = ROTATION_GRACE,
    family: str | None = None,
) -> CreatedDestination:
    """Give a webhook a new secret; the one before signs beside it until `grace` is over.

    Raises:
        NotFound: there is none.
        Conflict: it is a chat, which has no secret.
        ValueError: `grace` is negative or longer than seven days, or the secret does not open.
    """
    if not timedelta() <= grace <= ROTATION_GRACE_MAX:
        raise ValueError(f"a rotated secret cannot sign for {grace} more")
    destination = await find_destination(session, destination_id, lock=True, family=family)
    if SECRET not in destination.sealed:
        raise Conflict(
            "Este destino no firma: solo los webhooks tienen un secreto que rotar",
            message_en="This destination does not sign: only webhooks have a secret to rotate",
        )
    secret, before = _new_secret(), open_value(box, destination, SECRET)
    sealed = {
        URL: destination.sealed[URL],
        SECRET: seal_value(box, destination.id, SECRET, secret),
    }
    if grace:
        sealed[PREVIOUS_SECRET] = seal_value(box, destination.id, PREVIOUS_SECRET, before)
    destination.sealed = sealed
    destination.previous_secret_until = now + grace if grace else None
    destination.version += 1
    await session.flush()
    return CreatedDestination(destination, secret)


async def remove_destination(
    session: AsyncSession, destination_id: UUID, now: datetime, *, family: str | None = None
) -> NotificationDestination:
    """Forget a destination's address and secrets; its deliveries stay in the log.

    Raises:
        NotFound: there is none.
    """
    destination = await find_destination(session, destination_id, lock=True, family=family)
    destination.active, destination.sealed = False, {}
    destination.previous_secret_until, destination.deleted_at = None, now
    destination.version += 1
    await session.flush()
    return destination


def destination_id_of(text: str) -> UUID:
    """Return the id, which must be spelt as answers spell it: any other names none.

    Raises:
        NotFound: it is no such id.
    """
    try:
        found = UUID(text)
    except ValueError:
        raise _no_such_destination(text) from None
    if str(found) != text:
        raise _no_such_destination(text)
    return found


def _kept_by(family: str | None) -> Select[NotificationDestination]:
    query = select(NotificationDestination).where(col(NotificationDestination.deleted_at).is_(None))
    return query if family is None else query.where(col(NotificationDestination.owner) == family)


async def _check_room(session: AsyncSession, family: str) -> None:
    """Refuse one more destination than a family may have; the family's row serialises this."""
    await session.get(ApiKey, family, with_for_update=True)
    if len(await list_destinations(session, family)) >= _MOST_OF_A_KEY:
        raise TooManyDestinations


def _check_of_key(channel: Channel, events: Collection[NotificationKind]) -> None:
    if channel is not Channel.WEBHOOK:
        raise ValidationFailed(
            {"canal": Sentence("Una clave solo registra webhooks", "A key registers webhooks only")}
        )
    if not ORDER_KINDS.issuperset(events):
        options = ", ".join(sorted(ORDER_KINDS))
        raise ValidationFailed(
            {
                "eventos": Sentence(
                    f"Una clave recibe solo: {options}", f"A key is told of these only: {options}"
                )
            }
        )


def _key_ended() -> Conflict:
    return Conflict(
        "La clave de API de este destino terminó: crea otro destino",
        message_en="The API key of this destination has ended: make another destination",
    )


async def _store(session: AsyncSession, destination: NotificationDestination) -> None:
    try:
        async with savepoint(session):
            session.add(destination)
            await session.flush()
    except IntegrityError:
        raise DestinationNameTaken from None


def _new_secret() -> str:
    return _SECRET_PREFIX + b64encode(os.urandom(_SECRET_BYTES)).decode()


def _no_such_destination(text: str) -> NotFound:
    return NotFound(f"No existe el destino {text}", message_en=f"There is no destination {text}")
