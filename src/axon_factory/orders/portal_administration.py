"""What reaches an order's client, as staff see and keep it: links and mails."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from axon_factory.db.tables import Order, OutboxMessage, PortalLink
from axon_factory.domain.client_mails import EVENT_PREFIX
from axon_factory.domain.times import timestamp
from axon_factory.orders.change import Change
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

__all__ = ["link_document", "links_document", "mails_document", "renew_link", "withdraw_link"]


async def renew_link(change: Change, *, send: bool) -> PortalLink:
    """Give the locked order another link, and `send` it to the client; the one before ends."""
    link = await issue_link(change, reason=LinkReason.PERSONA)
    if send:
        await tell_link(change, link)
    await change.touch()
    return link


async def withdraw_link(change: Change, number: int) -> PortalLink:
    """Revoke a link of the locked order; a second time changes nothing.

    Raises:
        NotFound: the order has no link of this number.
    """
    order = change.order
    events = order.event_seq
    link = await revoke_link(change, number)
    if order.event_seq != events:
        await change.touch()
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
