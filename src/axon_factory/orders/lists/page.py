"""One page of a list, and how many orders there are in the whole list."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg.rows
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import driver_connection
from axon_factory.domain.permissions import Principal
from axon_factory.orders.lists.bitmap import Bitmap
from axon_factory.orders.lists.conditions import condition_of
from axon_factory.orders.lists.cursor import Cursor, encode
from axon_factory.orders.lists.dates import month_bounds
from axon_factory.orders.lists.fields import shown
from axon_factory.orders.lists.index import Connection
from axon_factory.orders.lists.matching import matching_orders, use_one_snapshot
from axon_factory.orders.lists.ordering import Ordering, Segment
from axon_factory.orders.lists.query import ListQuery

__all__ = ["Page", "list_orders", "page_of"]

_FEW = 150
"""Up to so many orders are read one by one and sorted; of more, an index is walked."""

_KEYS = ("prioridad_rank", "moment", "id")
_PICKED = sql.SQL(
    "SELECT prioridad_rank, {time}, id, {columns} FROM orders"
    " WHERE position = ANY (%(positions)s) AND {beyond}"
    " ORDER BY {order} LIMIT %(rows)s OFFSET %(skipped)s"
)
# The inner query looks at the sort index alone; only the page's own rows are fetched.
_WALKED = sql.SQL(
    "SELECT prioridad_rank, {time}, id, {columns} FROM orders JOIN ("
    " SELECT position FROM orders"
    " WHERE {time} >= %(begin)s AND {time} < %(end)s AND {ranked} AND {beyond}"
    " AND CASE WHEN position BETWEEN %(first)s AND %(last)s"
    " THEN get_bit(%(bits)s, position - %(first)s) = 1 ELSE false END"
    " ORDER BY {order} LIMIT %(rows)s OFFSET %(skipped)s"
    ") AS chosen USING (position) ORDER BY {order}"
)
_COUNTED = sql.SQL("SELECT count(*) FROM orders WHERE {condition}")
_FILTERED = sql.SQL(
    "SELECT prioridad_rank, {time}, id, {columns} FROM orders WHERE {condition} AND {beyond}"
    " ORDER BY {order} LIMIT %(rows)s OFFSET %(skipped)s"
)
_RANKED = sql.SQL("prioridad_rank = %(rank)s")
_Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Page:
    """`total` counts the whole list; `next` and `prev` are cursors, None where there is no more."""

    total: int
    orders: Sequence[dict[str, Any]]
    next: str | None
    prev: str | None


async def list_orders(session: AsyncSession, query: ListQuery, principal: Principal) -> Page:
    """Return a page and the exact total, both of one moment.

    The session must not have been used yet: all is read in one snapshot.

    Raises:
        ValidationFailed: the cursor is another list's.
    """
    identity = query.identity(principal)
    if query.cursor is not None:
        query.cursor.check(identity)
    connection = await driver_connection(session)
    await use_one_snapshot(connection)
    ordering = Ordering.of(query)
    if not query.is_indexed:
        return await _filtered(connection, query, principal, ordering)
    matching, sets = await matching_orders(
        connection, query, principal, terms=ordering.terms, kind=ordering.kind
    )
    reader = _Reader(connection, query, ordering)
    # One row more than asked for tells whether there is a further page.
    rows = await reader.rows(ordering.segments(matching, sets), query.limit + 1)
    return page_of(query, principal, len(matching), rows, ordering)


async def _filtered(
    connection: Connection, query: ListQuery, principal: Principal, ordering: Ordering
) -> Page:
    """Return the page of a list that no bitmaps are kept for: PostgreSQL counts and sorts it."""
    condition, values = await condition_of(connection, query, principal)
    condition = condition or sql.SQL("true")
    counted = connection.cursor(row_factory=psycopg.rows.scalar_row, binary=True)
    await counted.execute(_COUNTED.format(condition=condition), values)
    [total] = await counted.fetchall()
    statement = _FILTERED.format(
        time=sql.Identifier(ordering.column),
        columns=sql.SQL(", ").join(map(sql.Identifier, query.fields)),
        condition=condition,
        beyond=ordering.is_beyond(),
        order=ordering.order_by(),
    )
    place = {"rows": query.limit + 1, "skipped": query.offset, **ordering.cursor_values()}
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row, binary=True)
    await cursor.execute(statement, {**values, **place})
    return page_of(query, principal, total, list(await cursor.fetchall()), ordering)


@dataclass(frozen=True, slots=True)
class _Reader:
    connection: Connection
    query: ListQuery
    ordering: Ordering

    async def rows(self, segments: Iterator[Segment], wanted: int) -> list[_Row]:
        """Return the first `wanted` rows beyond the offset or the cursor."""
        found: list[_Row] = []
        skipped = self.query.offset
        for batch in _batches(segments, enough=skipped + wanted):
            size = sum(len(segment.bits) for segment in batch)
            if skipped >= size:
                skipped -= size
                continue
            found += await self._read(batch, wanted - len(found), skipped)
            skipped = 0
            if len(found) >= wanted:
                break
        return found

    async def _read(self, batch: Sequence[Segment], rows: int, skipped: int) -> list[_Row]:
        values: dict[str, object] = {
            "rows": rows,
            "skipped": skipped,
            **self.ordering.cursor_values(),
        }
        bits = Bitmap.union(segment.bits for segment in batch)
        if len(bits) <= _FEW:
            return await self._fetch(_PICKED, values | {"positions": list(bits)}, rank=None)
        return await self._fetch(_WALKED, values | _walk(batch[0]), rank=batch[0].rank)

    async def _fetch(
        self, template: sql.SQL, values: Mapping[str, object], rank: int | None
    ) -> list[_Row]:
        ordering = self.ordering
        statement = template.format(
            time=sql.Identifier(ordering.column),
            columns=sql.SQL(", ").join(map(sql.Identifier, self.query.fields)),
            beyond=ordering.is_beyond(rank),
            order=ordering.order_by(),
            ranked=_RANKED if ordering.by_rank else sql.SQL("true"),
        )
        cursor = self.connection.cursor(row_factory=psycopg.rows.tuple_row, binary=True)
        await cursor.execute(statement, values)
        return list(await cursor.fetchall())


def _batches(segments: Iterable[Segment], enough: int) -> Iterator[list[Segment]]:
    """Put neighbours together until they are `enough` orders, but few; many stand alone."""
    batch: list[Segment] = []
    size = 0
    for segment in segments:
        if batch and size + len(segment.bits) > _FEW:
            yield batch
            batch, size = [], 0
        batch.append(segment)
        size += len(segment.bits)
        if size >= enough:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _walk(segment: Segment) -> dict[str, object]:
    begin, end = month_bounds(segment.month)
    first, bits = segment.bits.run()
    return {
        "begin": begin,
        "end": end,
        "rank": segment.rank,
        "first": first,
        "last": first + 8 * len(bits) - 1,
        "bits": bits,
    }


def page_of(
    query: ListQuery, principal: Principal, total: int, rows: Sequence[_Row], ordering: Ordering
) -> Page:
    """Return the page of `rows`: rank, moment, id and the fields, one more than the page has."""
    has_more = len(rows) > query.limit
    rows = list(rows[: query.limit])
    backward = query.cursor is not None and not query.cursor.forward
    if backward:
        rows.reverse()
    came_from = query.cursor is not None
    has_next, has_prev = (True, has_more) if backward else (has_more, came_from or query.offset > 0)
    identity = query.identity(principal)

    def beside(row: _Row, *, forward: bool) -> str:
        rank, moment, order_id = row[: len(_KEYS)]
        return encode(Cursor(forward, rank if ordering.by_rank else -1, moment, order_id), identity)

    return Page(
        total=total,
        orders=[shown(query.fields, row[len(_KEYS) :], principal) for row in rows],
        next=beside(rows[-1], forward=True) if rows and has_next else None,
        prev=beside(rows[0], forward=False) if rows and has_prev else None,
    )
