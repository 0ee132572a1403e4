"""Links to an order's portal page: unguessable, revocable, without a secret (resolutions 28).

A link is the permission to read the page and to answer the client's questions. It is signed, so the
database holds no usable link. A row says whether the link still serves, and each request reads it.
"""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, PortalLink
from axon_factory.domain.errors import NotFound
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.states import Actor
from axon_factory.orders.change import Change
from axon_factory.orders.policy import Policy

__all__ = [
    "FIRST",
    "LinkReason",
    "LinkState",
    "PortalLinks",
    "issue_link",
    "link_row",
    "link_state",
    "links_of",
    "newest_link",
    "portal_url",
    "portal_url_to_send",
    "revoke_link",
    "serves",
]

FIRST = 1
"""The number of the link that an order has from its placement on."""

_MAC_BYTES = 16
_UUID_BYTES = 16
_NUMBER_BYTES = 4


class LinkReason(StrEnum):
    """Why a link was issued."""

    ALTA = "alta"
    """The order was placed."""
    CORREO = "correo"
    """The client's mail address was corrected."""
    PERSONA = "persona"
    """A person of the staff asked for another one."""
    VENCIDO = "vencido"
    """The one before had expired when a mail needed one."""


class LinkState(StrEnum):
    """Whether a link serves."""

    VIGENTE = "vigente"
    VENCIDO = "vencido"
    REVOCADO = "revocado"


class PortalLinks:
    """Makes and reads the tokens of portal links: order, number and a truncated HMAC-SHA-256.

    The first link of an order does not write its number. Links that were made when an order had one
    link only have that form, and still serve.
    """

    def __init__(self, key: bytes, public_url: str, *, previous: Sequence[bytes] = ()) -> None:
        """`key` is 32 random bytes. `previous`: older keys whose links are still accepted.

        `public_url` has no trailing slash.
        """
        self._keys = (key, *previous)
        self._public_url = public_url

    def url(self, order_id: UUID, number: int = FIRST) -> str:
        """Return the order's link of this number."""
        subject = _subject(order_id, number)
        token = base64.urlsafe_b64encode(subject + _mac(self._keys[0], subject)).decode()
        return f"{self._public_url}/portal/{token.rstrip('=')}"

    def read(self, token: str) -> tuple[UUID, int] | None:
        """Return the order and the number that the token was made for, None for any other token.

        Whether the link still serves is for `serves` to say.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        subject, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(subject) not in {_UUID_BYTES, _UUID_BYTES + _NUMBER_BYTES}:
            return None
        if not any(hmac.compare_digest(mac, _mac(key, subject)) for key in self._keys):
            return None
        number = int.from_bytes(subject[_UUID_BYTES:]) or FIRST
        return UUID(bytes=subject[:_UUID_BYTES]), number

    def code_mac(self, order_id: UUID, number: int, address: str, code: str) -> bytes:
        """Return the MAC of a code that is mailed to `address` (`orders.portal_codes`).

        Only the current key makes it: a code lives for minutes.
        """
        said = f"portal-code|{order_id}|{number}|{address}|{code}"
        return hmac.digest(self._keys[0], said.encode(), "sha256")


async def issue_link(change: Change, *, reason: LinkReason) -> PortalLink:
    """Give the locked order its next link; the one before serves no more."""
    order = change.order
    earlier = await links_of(change.tx, order)
    for link in earlier:
        if link.revoked_at is None:
            link.revoked_at, link.revoked_by = change.now, change.actor.id
    await change.tx.flush()
    number = max((link.number for link in earlier), default=FIRST - 1) + 1
    row = link_row(order.id, number, reason, change.actor, change.policy, change.now)
    issued = PortalLink(**row)
    change.tx.add(issued)
    await change.tx.flush()
    if reason is not LinkReason.ALTA:
        message = f"Enlace {issued.number} del portal emitido; el anterior ya no sirve"
        await _note(change, issued, EventKind.ENLACE_EMITIDO, message)
    return issued


def link_row(
    order_id: UUID, number: int, reason: LinkReason, actor: Actor, policy: Policy, now: datetime
) -> dict[str, Any]:
    """Return the row of a link that serves from now on."""
    age = policy.portal_link_age
    return {
        "order_id": order_id,
        "number": number,
        "reason": reason,
        "issued_at": now,
        "issued_by": actor.id,
        "expires_at": None if age is None else now + age,
    }


async def revoke_link(change: Change, number: int) -> PortalLink:
    """End a link of the locked order with the next request; a second time changes nothing.

    Raises:
        NotFound: the order has no link of this number.
    """
    order = change.order
    link = await change.tx.get(PortalLink, (order.id, number))
    if link is None:
        raise NotFound(
            f"La orden {order.order_number} no tiene el enlace {number}",
            message_en=f"Order {order.order_number} has no link {number}",
        )
    if link.revoked_at is None:
        link.revoked_at, link.revoked_by = change.now, change.actor.id
        message = f"Enlace {number} del portal revocado"
        await _note(change, link, EventKind.ENLACE_REVOCADO, message)
    return link


async def links_of(session: AsyncSession, order: Order) -> Sequence[PortalLink]:
    """Return every link that the order has had, the first one first."""
    query = select(PortalLink).where(col(PortalLink.order_id) == order.id)
    return list(await session.scalars(query.order_by(col(PortalLink.number))))


def link_state(link: PortalLink, now: datetime) -> LinkState:
    """Return whether the link serves; one that expired and was then replaced has expired."""
    end = now if link.revoked_at is None else min(now, link.revoked_at)
    if link.expires_at is not None and link.expires_at <= end:
        return LinkState.VENCIDO
    return LinkState.VIGENTE if link.revoked_at is None else LinkState.REVOCADO


async def serves(session: AsyncSession, order_id: UUID, number: int, now: datetime) -> bool:
    """Return whether the order's link of this number serves; of no such order it does not."""
    link = await session.get(PortalLink, (order_id, number), populate_existing=True)
    return link is not None and link_state(link, now) is LinkState.VIGENTE


async def portal_url(
    session: AsyncSession, order: Order, policy: Policy, now: datetime
) -> str | None:
    """Return the order's link that serves, None if there is none."""
    newest = await newest_link(session, order)
    if newest is None or link_state(newest, now) is not LinkState.VIGENTE:
        return None
    return policy.portal_url(order.id, newest.number)


async def portal_url_to_send(change: Change) -> str | None:
    """Return the locked order's link for a mail; one that has expired is issued anew first.

    Returns None where a person has revoked the link: only a person issues another one.
    """
    order = change.order
    newest = await newest_link(change.tx, order)
    if newest is not None and link_state(newest, change.now) is LinkState.VENCIDO:
        newest = await issue_link(change, reason=LinkReason.VENCIDO)
    if newest is None or newest.revoked_at is not None:
        return None
    return change.policy.portal_url(order.id, newest.number)


async def newest_link(session: AsyncSession, order: Order) -> PortalLink | None:
    """Return the order's newest link, whether it serves or not."""
    query = select(PortalLink).where(col(PortalLink.order_id) == order.id)
    return await session.scalar(query.order_by(col(PortalLink.number).desc()).limit(1))


async def _note(change: Change, link: PortalLink, kind: EventKind, message: str) -> None:
    await change.tell_staff(
        kind, message, level=LogLevel.WARNING, enlace=link.number, motivo=link.reason
    )


def _subject(order_id: UUID, number: int) -> bytes:
    return order_id.bytes if number == FIRST else order_id.bytes + number.to_bytes(_NUMBER_BYTES)


def _mac(key: bytes, subject: bytes) -> bytes:
    return hmac.digest(key, b"portal|" + subject, "sha256")[:_MAC_BYTES]
