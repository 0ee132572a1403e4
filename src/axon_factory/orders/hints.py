"""Hints that somebody has news of an order: a reason to look, and nothing more (threat A15).

What a hint says is not read. Whoever forges one, or sends it a thousand times, makes the line look
at the agent once more, and there it finds the truth.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.building import Priority
from axon_factory.domain.states import OrderState
from axon_factory.jobs.queue import enqueue_advance

__all__ = ["look_now"]


async def look_now(session: AsyncSession, order: Order) -> bool:
    """Have the line look at the locked order's session now; return whether there is one.

    The order itself is not changed: its version stays what it is.
    """
    at_work = order.estado == OrderState.CONSTRUCCION and order.session_id is not None
    if not at_work or order.espera is not None:
        return False
    await enqueue_advance(session, order.id, rank=Priority(order.prioridad).rank)
    return True
