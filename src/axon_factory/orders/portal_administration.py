"""Links to an order's portal page, as staff renew and revoke them."""

from axon_factory.db.tables import PortalLink
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.client_mails import tell_link
from axon_factory.orders.portal_links import LinkReason, issue_link, revoke_link

__all__ = ["renew_link", "withdraw_link"]


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
