"""What reaches an order's client, as staff see and keep it: links and mails."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OutboxMessage, PortalLink
from axon_factory.domain.client_mails import EVENT_PREFIX
from axon_factory.domain.states import Actor
from axon_factory.domain.times import timestamp
from axon_factory.orders.notifications.client_mails import tell_link
from axon_factory.orders.notifications.deliveries import state_of
from axon_factory.orders.policy import Policy
from axon_factory.orders.portal_links import (
    LinkReason,
    LinkState,
    issue_link,
    link_state,
    revoke_link,
)
from axon_factory.orders.transitions import note_change

__all__ = ["link_document", "links_document", "mails_document", "renew_link", "withdraw_link"]


async def renew_link(
    session: AsyncSession,
    order: Order,
    *,
    send: bool,
    actor: Actor,
    policy: Policy,
    now: datetime,
) -> PortalLink:
    """Give the locked order another link, and `send` it to the client; the one before ends."""
    link = await issue_link(
        session, order, reason=LinkReason.PERSONA, actor=actor, policy=policy, now=now
    )
    if send:
        await tell_link(session, order, link, policy=policy, now=now)
    await note_change(session, order, now)
    return link


async def withdraw_link(
    session: AsyncSession, order: Order, number: int, *, actor: Actor, now: datetime
) -> PortalLink:
    """Revoke a link of the locked order; a second time changes nothing.

    Raises:
        NotFound: the order has no link of this number.
    """
    events = order.event_seq
    link = await revoke_link(session, order, number, actor=actor, now=now)
    if order.event_seq != events:
        await note_change(session, order, now)
    return link


def mails_document(order: Order, mails: Sequence[OutboxMessage]) -> dict[str, Any]:
    """Show the mails to an order's client, without what they say: they hold the link."""
    return {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "count": len(mails),
        "correos": [
            {
                "correo": (mail.event or "").removeprefix(EVENT_PREFIX),
                "asunto": mail.subject,
                "destinatario": mail.recipient,
                "estado": state_of(mail).value,
                "intentos": mail.attempts,
                "ultimo_error": mail.last_error,
                "created_at": timestamp(mail.created_at),
                "sent_at": timestamp(mail.sent_at),
            }
            for mail in mails
        ],
    }


def links_document(
    order: Order, links: Sequence[PortalLink], policy: Policy, now: datetime
) -> dict[str, Any]:
    """Show the links of an order."""
    return {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "count": len(links),
        "enlaces": [link_document(order, link, policy, now) for link in links],
    }


def link_document(order: Order, link: PortalLink, policy: Policy, now: datetime) -> dict[str, Any]:
    """Show a link; its address only while it serves."""
    state = link_state(link, now)
    serving = state is LinkState.VIGENTE
    return {
        "numero": link.number,
        "estado": state.value,
        "url": policy.portal_url(order.id, link.number) if serving else None,
        "motivo": link.reason,
        "created_at": timestamp(link.issued_at),
        "created_by": link.issued_by,
        "vence_at": timestamp(link.expires_at),
        "revocado_at": timestamp(link.revoked_at),
        "revocado_por": link.revoked_by,
    }
