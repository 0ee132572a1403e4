"""A whole list as CSV (RFC 4180), read in pieces from one snapshot."""

import csv
import io
import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg.rows
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import driver_connection
from axon_factory.domain.permissions import Principal
from axon_factory.orders.lists.fields import shown
from axon_factory.orders.lists.matching import filter_clauses, use_one_snapshot
from axon_factory.orders.lists.ordering import Ordering
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.lists.terms import tsquery

__all__ = ["export_orders"]

_ROWS_AT_ONCE = 500
_EXPORTED = sql.SQL("SELECT {columns} FROM orders WHERE {condition} ORDER BY {order}")
_CONDITIONS = {
    "terms": sql.SQL(
        "position IN (SELECT position FROM order_terms WHERE terms @@ %(terms)s::text::tsquery)"
    ),
    "begin": sql.SQL("created_at >= %(begin)s"),
    "end": sql.SQL("created_at < %(end)s"),
}
_FORMULA = re.compile(r"[\s\u3000\uff1d\uff0b\uff0d\uff20]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


async def export_orders(
    session: AsyncSession, query: ListQuery, principal: Principal
) -> AsyncGenerator[bytes]:
    """Yield the lines of the whole list, a header first, without regard to `limit` and cursor.

    The session must not have been used yet: all is read in one snapshot.
    """
    connection = await driver_connection(session)
    await use_one_snapshot(connection)
    conditions, values = await _conditions(connection, query, principal)
    statement = _EXPORTED.format(
        columns=sql.SQL(", ").join(map(sql.Identifier, query.fields)),
        condition=sql.SQL(" AND ").join(conditions),
        order=Ordering.of(replace(query, cursor=None)).order_by(),
    )
    yield _lines([query.fields])
    async with connection.cursor(
        name="export", row_factory=psycopg.rows.tuple_row, binary=True
    ) as cursor:
        await cursor.execute(statement, values)
        while rows := await cursor.fetchmany(_ROWS_AT_ONCE):
            yield _lines([_cells(query.fields, row, principal) for row in rows])


async def _conditions(
    connection: psycopg.AsyncConnection[object], query: ListQuery, principal: Principal
) -> tuple[list[sql.SQL], Mapping[str, object]]:
    clauses = await filter_clauses(connection, query, principal)
    values: dict[str, object] = {
        "terms": " & ".join(f"({tsquery(clause)})" for clause in clauses) or None,
        "begin": query.created_from,
        "end": query.created_before,
    }
    given = [_CONDITIONS[name] for name, value in values.items() if value is not None]
    return given or [sql.SQL("true")], values


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


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
