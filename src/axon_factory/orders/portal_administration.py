"""Links to an order's portal page, as staff renew and revoke them."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, PortalLink
from axon_factory.domain.states import Actor
from axon_factory.orders.mails.client import tell_link
from axon_factory.orders.policy import Policy
from axon_factory.orders.portal_links import LinkReason, issue_link, revoke_link
from axon_factory.orders.transitions import note_change

__all__ = ["renew_link", "withdraw_link"]


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
