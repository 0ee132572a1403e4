"""The orders that a bulk act is about: found by id, number or filter, and locked in one order."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg.rows
from psycopg import sql
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.sessions import driver_connection
from axon_factory.db.tables import Order
from axon_factory.domain.permissions import Principal
from axon_factory.orders.lists.conditions import condition_of
from axon_factory.orders.lists.index import Connection
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.locking import visible_to

__all__ = ["count_states", "find_ids", "lock_orders", "matching_ids", "read_orders"]

_IDS = sql.SQL("SELECT id FROM orders WHERE {condition} ORDER BY id LIMIT %(rows)s")
_STATES = sql.SQL("SELECT estado, count(*) FROM orders WHERE {condition} GROUP BY estado")


async def find_ids(
    session: AsyncSession, references: Sequence[str], principal: Principal
) -> Mapping[str, UUID]:
    """Return the id of each reference (an id or a number) that names an order of the caller's."""
    ids = {reference: UUID(reference) for reference in references if _is_id(reference)}
    numbers = [reference for reference in references if reference not in ids]
    query = select(col(Order.id), col(Order.order_number)).where(
        or_(col(Order.id).in_(ids.values()), col(Order.order_number).in_(numbers))
    )
    ownership = visible_to(principal)
    rows = await session.execute(query if ownership is None else query.where(ownership))
    by_name = {name: id_ for id_, number in rows.all() for name in (str(id_), number)}
    named = {reference: str(ids.get(reference, reference)) for reference in references}
    return {given: by_name[name] for given, name in named.items() if name in by_name}


async def matching_ids(
    session: AsyncSession, query: ListQuery, principal: Principal, *, limit: int
) -> Sequence[UUID]:
    """Return the ids of up to `limit` orders that a list with this filter has, in order of id."""
    connection, condition, values = await _condition(session, query, principal)
    cursor = connection.cursor(row_factory=psycopg.rows.scalar_row)
    await cursor.execute(_IDS.format(condition=condition), {**values, "rows": limit})
    return await cursor.fetchall()


async def count_states(
    session: AsyncSession, query: ListQuery, principal: Principal
) -> Mapping[str, int]:
    """Return how many orders a list with this filter has in each state."""
    connection, condition, values = await _condition(session, query, principal)
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
    await cursor.execute(_STATES.format(condition=condition), values)
    return dict(await cursor.fetchall())


async def read_orders(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[Order]:
    """Return these orders in order of id."""
    query = select(Order).where(col(Order.id).in_(ids)).order_by(col(Order.id))
    return list(await session.scalars(query))


async def lock_orders(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[Order]:
    """Lock these orders, all before the first is written and always in order of id.

    So two acts on the same orders cannot wait for one another in a circle, and whatever else a
    write locks (its audit chain, its job) is locked by who holds the order already.
    """
    query = select(Order).where(col(Order.id).in_(ids)).order_by(col(Order.id)).with_for_update()
    return list(await session.scalars(query))


async def _condition(
    session: AsyncSession, query: ListQuery, principal: Principal
) -> tuple[Connection, sql.Composable, dict[str, Any]]:
    connection = await driver_connection(session)
    condition, values = await condition_of(connection, query, principal)
    # A filter that says nothing (null, a `q` of punctuation) is about no order, not about all.
    return connection, condition or sql.SQL("false"), values


def _is_id(reference: str) -> bool:
    try:
        UUID(reference)
    except ValueError:
        return False
    return True
