"""Deliver: hand over the deployed product (design §5.6)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.factory.step import line_actor
from axon_factory.orders.handover import hand_over
from axon_factory.orders.policy import Policy

__all__ = ["Deliver"]


class Deliver:
    """Move the order to `entregado`; the mail leaves by the outbox."""

    def __init__(self, policy: Policy) -> None:
        """`policy` has the addresses that the mail names."""
        self._policy = policy

    async def apply(self, session: AsyncSession, order: Order, now: datetime) -> None:
        """Hand over the locked order."""
        await hand_over(session, order, actor=line_actor("Ops Agent"), policy=self._policy, now=now)
