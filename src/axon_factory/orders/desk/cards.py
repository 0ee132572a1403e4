"""Cards of orders that are named: what the board shows of each, for lists in their own order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import psycopg.rows
from psycopg import sql
from psycopg.types.json import set_json_loads
from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import driver_connection
from axon_factory.domain.permissions import Principal
from axon_factory.orders.answers.board import BoardCards
from axon_factory.orders.desk.board import CARD_COLUMNS, card_of
from axon_factory.orders.lists.conditions import condition_of
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.policy import Policy
from axon_factory.orders.promise import measured_paces

__all__ = ["read_cards"]

_CARDS = sql.SQL(
    """
    SELECT {columns}, stage.entered_at AS since
    FROM orders AS o LEFT JOIN LATERAL (
        SELECT entered_at FROM order_stages WHERE order_id = o.id ORDER BY ordinal DESC LIMIT 1
    ) AS stage ON true
    WHERE {condition}
    """
)


async def read_cards(
    session: AsyncSession,
    numbers: Sequence[str],
    principal: Principal,
    policy: Policy,
    now: datetime,
) -> dict[str, Any]:
    """Return the cards of the orders with these numbers that the caller may see, as asked for."""
    connection = await driver_connection(session)
    wanted = ListQuery(order_numbers=tuple(numbers))
    condition, values = await condition_of(connection, wanted, principal)
    cursor = connection.cursor(row_factory=psycopg.rows.namedtuple_row)
    set_json_loads(from_json, cursor)
    statement = _CARDS.format(columns=CARD_COLUMNS, condition=condition or sql.SQL("false"))
    await cursor.execute(statement, values)
    rows = cast("Sequence[Any]", await cursor.fetchall())
    paces = await measured_paces(session)
    own_orders = policy.approval.own_orders
    found = {
        row.order_number: card_of(
            row, principal, paces.get(row.tipo_producto), now, own_orders=own_orders
        )
        for row in rows
    }
    cards = [found[number] for number in dict.fromkeys(numbers) if number in found]
    return BoardCards.of(None, tarjetas=cards)
