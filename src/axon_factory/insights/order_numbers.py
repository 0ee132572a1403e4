"""The numbers by which people know orders, for records that keep their ids."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order

__all__ = ["numbers_of"]


async def numbers_of(session: AsyncSession, ids: Collection[str]) -> dict[str, str]:
    """Return id to number of those orders of `ids` that there are still."""
    if not ids:
        return {}
    found = await session.execute(
        select(col(Order.id), col(Order.order_number)).where(
            col(Order.id).in_([UUID(one) for one in ids])
        )
    )
    return {str(order_id): number for order_id, number in found.all()}
