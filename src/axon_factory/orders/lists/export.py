"""A whole list as CSV (RFC 4180), read in pieces from one snapshot."""

import codecs
import csv
import io
import json
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg.rows
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import driver_connection
from axon_factory.domain.permissions import Principal
from axon_factory.orders.lists.conditions import condition, is_of_orders, values_of
from axon_factory.orders.lists.fields import shown
from axon_factory.orders.lists.ordering import Ordering
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.lists.words import words_query

__all__ = ["Dialect", "export_orders"]

_ROWS_AT_ONCE = 500
# The narrow rows are sorted, and each order is read when its turn comes.
_EXPORTED = sql.SQL(
    "SELECT {columns} FROM (SELECT id, prioridad_rank AS rank, {time} AS moment FROM {table}"
    " WHERE {condition} ORDER BY {order}) AS chosen JOIN orders USING (id) ORDER BY {chosen}"
)
_ONE_BY_ONE = (
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
)
_FORMULA = re.compile(r"[\s\u3000\uff1d\uff0b\uff0d\uff20]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the lines are written.

    Excel takes a file without a byte order mark for one of its own code page, and where the decimal
    separator is a comma it splits cells at `;`.
    """

    separator: str = ","
    byte_order_mark: bool = False


async def export_orders(
    session: AsyncSession, query: ListQuery, principal: Principal, dialect: Dialect
) -> AsyncGenerator[bytes]:
    """Yield the lines of the whole list, a header first, without regard to `limit` and cursor.

    All is of one moment.
    """
    connection = await driver_connection(session)
    values = values_of(query, principal, await words_query(connection, query.text))
    ordering = Ordering.of(replace(query, cursor=None))
    of_orders = ordering.column == "updated_at" or is_of_orders(values)
    statement = _EXPORTED.format(
        columns=sql.SQL(", ").join(map(sql.Identifier, query.fields)),
        time=sql.Identifier(ordering.column),
        table=sql.Identifier("orders" if of_orders else "listed_orders"),
        condition=condition(values, of_orders=of_orders),
        order=ordering.order_by(),
        chosen=ordering.order_by("moment", rank="rank"),
    )
    await connection.execute(_ONE_BY_ONE)
    mark = codecs.BOM_UTF8 if dialect.byte_order_mark else b""
    yield mark + _lines([query.fields], dialect)
    async with connection.cursor(
        name="export", row_factory=psycopg.rows.tuple_row, binary=True
    ) as cursor:
        await cursor.execute(statement, values)
        while rows := await cursor.fetchmany(_ROWS_AT_ONCE):
            yield _lines([_cells(query.fields, row, principal) for row in rows], dialect)


def _cells(fields: Sequence[str], row: Sequence[Any], principal: Principal) -> list[str]:
    entry = shown(fields, row, principal)
    return [_cell(entry[name]) for name in fields]


def _cell(value: Any) -> str:  # noqa: ANN401 — any JSON value
    """Return what a spreadsheet shows as this value, and never runs as a formula (OWASP)."""
    match value:
        case None:
            return ""
        case str():
            return "'" + value if _FORMULA.match(value) else value
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _lines(rows: Sequence[Sequence[str]], dialect: Dialect) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=dialect.separator).writerows(rows)
    return text.getvalue().encode()
