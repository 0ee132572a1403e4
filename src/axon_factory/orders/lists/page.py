"""One page of a list, and how many orders there are in the whole list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg.rows
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import driver_connection
from axon_factory.domain.permissions import Principal
from axon_factory.orders.lists.cursor import Cursor, encode
from axon_factory.orders.lists.fields import shown
from axon_factory.orders.lists.ordering import Ordering
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.lists.statement import PLANNED, rows_of, statement_of
from axon_factory.orders.lists.words import words_query

__all__ = ["Page", "list_orders", "page_of"]

_ONE_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_KEYS = ("prioridad_rank", "moment", "id")


@dataclass(frozen=True, slots=True)
class Page:
    """`total` counts the whole list; `next` and `prev` are cursors, None where there is no more."""

    total: int
    orders: Sequence[dict[str, Any]]
    next: str | None
    prev: str | None


async def list_orders(session: AsyncSession, query: ListQuery, principal: Principal) -> Page:
    """Return a page and the exact total, both of one moment.

    The session must not have been used yet: it reads one snapshot from here on.

    Raises:
        ValidationFailed: the cursor is another list's, or `q` has no word.
    """
    if query.cursor is not None:
        query.cursor.check(query.identity(principal))
    connection = await driver_connection(session)
    await connection.execute(_ONE_SNAPSHOT)
    await connection.execute(PLANNED)
    words = await words_query(connection, query.text)
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row, binary=True)
    statement = statement_of(query, principal, words)
    await cursor.execute(statement.text, statement.values)
    return page_of(query, principal, await cursor.fetchall())


def page_of(query: ListQuery, principal: Principal, found: Sequence[tuple[Any, ...]]) -> Page:
    """Return the page of the rows that `statement_of` asked for."""
    ordering = Ordering.of(query)
    total, rows = rows_of(found)
    has_more = len(rows) > query.limit
    rows = list(rows[: query.limit])
    backward = query.cursor is not None and not query.cursor.forward
    if backward:
        rows.reverse()
    came_from = query.cursor is not None
    has_next, has_prev = (True, has_more) if backward else (has_more, came_from or query.offset > 0)
    identity = query.identity(principal)

    def beside(row: Sequence[Any], *, forward: bool) -> str:
        rank, moment, order_id = row[: len(_KEYS)]
        return encode(Cursor(forward, rank if ordering.by_rank else -1, moment, order_id), identity)

    return Page(
        total=total,
        orders=[shown(query.fields, row[len(_KEYS) :], principal) for row in rows],
        next=beside(rows[-1], forward=True) if rows and has_next else None,
        prev=beside(rows[0], forward=False) if rows and has_prev else None,
    )
