"""Lists for many requests at once: one round trip, each list by one statement of its own.

A statement counts the whole list and reads the page from one snapshot. Its text depends on which
filters there are, and not on their values, so there are few texts and PostgreSQL keeps their plans.
"""

from collections.abc import Sequence
from typing import Any, LiteralString, NamedTuple, cast

import psycopg
from psycopg import sql
from pydantic_core import to_json

from axon_factory.db.principals import LIVE, Presented, asked_credentials
from axon_factory.domain.permissions import Grant, Principal
from axon_factory.orders.lists.conditions import NEEDS
from axon_factory.orders.lists.ordering import Ordering
from axon_factory.orders.lists.page import Page, page_of
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.lists.terms import visible_names

__all__ = ["MOST_COUNTED", "AskedList", "count_placed", "read_lists", "who_asks"]


MOST_COUNTED = 50_000
"""Beyond so many orders counting takes longer than the bitmaps do (`orders.lists`)."""


class AskedList(NamedTuple):
    """A list, and the principal whose it is."""

    query: ListQuery
    principal: Principal


_WHO = cast("LiteralString", f"WITH {LIVE} SELECT place, who FROM live")  # noqa: S608 — constants
_FILTERS = {
    "state": "estado = %(state)s",
    "states": "estado = ANY (%(states)s)",
    "product_types": "tipo_producto = ANY (%(product_types)s)",
    "priorities": "prioridad = ANY (%(priorities)s)",
    "assignees": "asignado_a = ANY (%(assignees)s)",
    "client_ids": "cliente_id = ANY (%(client_ids)s)",
    "own": "cliente_id = %(own)s",
    "tags": "tags @> %(tags)s",
    "created_from": "created_at >= %(created_from)s",
    "created_before": "created_at < %(created_before)s",
    "updated_from": "updated_at >= %(updated_from)s",
    "updated_before": "updated_at < %(updated_before)s",
    "delivered_from": "entregado_at >= %(delivered_from)s",
    "delivered_before": "entregado_at < %(delivered_before)s",
    "order_numbers": "order_number = ANY (%(order_numbers)s)",
    "plan_states": "plan_estado = ANY (%(plan_states)s)",
    "waits": "espera = ANY (%(waits)s)",
    "needs": f"{NEEDS} = ANY (%(needs)s)",
}
_LIST = sql.SQL(
    "WITH listed AS (SELECT count(*) AS total FROM orders WHERE {condition}), page AS ("
    " SELECT prioridad_rank, {time} AS moment, id AS key, {columns} FROM orders"
    " WHERE {condition} AND {beyond} ORDER BY {order} LIMIT %(rows)s OFFSET %(skipped)s"
    ") SELECT listed.total, page.* FROM listed LEFT JOIN page ON true"
)


async def who_asks(
    connection: psycopg.AsyncConnection[tuple[Any, ...]], credentials: Sequence[Presented]
) -> dict[Presented, str]:
    """Return the row of `live` for each credential that holds (`principals.principal_of`)."""
    rows = await connection.execute(_WHO, _asked(credentials))
    return _by_credential(credentials, await rows.fetchall())


async def count_placed(connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> int:
    """Return how many orders were ever placed, which an index tells at once."""
    rows = await connection.execute("SELECT max(position) FROM orders")
    row = await rows.fetchone()
    return 0 if row is None or row[0] is None else row[0]


async def read_lists(
    connection: psycopg.AsyncConnection[tuple[Any, ...]],
    credentials: Sequence[Presented],
    lists: Sequence[AskedList],
) -> tuple[dict[Presented, str], Sequence[Page]]:
    """Return who asks (`who_asks`) and the pages, by one round trip.

    The pages are those of the principals that were named, whoever asks now: a page whose caller is
    another one by now must not be shown.
    """
    async with connection.pipeline():
        asked = await connection.execute(_WHO, _asked(credentials))
        cursors = [await connection.execute(*_statement(one), binary=True) for one in lists]
        who = _by_credential(credentials, await asked.fetchall())
        rows = [await cursor.fetchall() for cursor in cursors]
    return who, [_page(one, found) for one, found in zip(lists, rows, strict=True)]


def _by_credential(
    credentials: Sequence[Presented], rows: Sequence[tuple[Any, ...]]
) -> dict[Presented, str]:
    return {credentials[place]: who for place, who in rows}


def _asked(credentials: Sequence[Presented]) -> dict[str, str]:
    return {"asked": to_json(asked_credentials(credentials)).decode()}


_texts: dict[tuple[object, ...], str] = {}
_MOST_TEXTS = 512


def _statement(one: AskedList) -> tuple[LiteralString, dict[str, Any]]:
    query = one.query
    ordering = Ordering.of(query)
    values = {name: value for name, value in _values(*one).items() if value is not None}
    kind = (*values, query.fields, ordering.order_by_key, ordering.beyond is None)
    text = _texts.get(kind)
    if text is None:
        if len(_texts) >= _MOST_TEXTS:
            _texts.clear()
        text = _texts[kind] = _LIST.format(
            time=sql.Identifier(ordering.column),
            columns=sql.SQL(", ").join(map(sql.Identifier, query.fields)),
            condition=sql.SQL(" AND ".join(_FILTERS[name] for name in values) or "true"),  # pyright: ignore[reportArgumentType] — of constants
            beyond=ordering.is_beyond(),
            order=ordering.order_by(),
        ).as_string(None)
    place = {"rows": query.limit + 1, "skipped": query.offset, **ordering.cursor_values()}
    return cast("LiteralString", text), {**values, **place}


def _values(query: ListQuery, principal: Principal) -> dict[str, Any]:
    """Return the values of the filters in their order; None where the filter is not asked for."""
    one = len(set(query.states)) == 1
    return {
        # With one state an index has the list in its order.
        "state": query.states[0].value if one else None,
        "states": None if one else _texts_of(query.states),
        "product_types": _texts_of(query.product_types),
        "priorities": _texts_of(query.priorities),
        "assignees": _texts_of(visible_names(query.assignees, principal)),
        "client_ids": _texts_of(query.client_ids),
        "own": principal.client_id if principal.grant is Grant.CLIENT_OWN else None,
        "tags": _texts_of(query.tags),
        "created_from": query.created_from,
        "created_before": query.created_before,
        "updated_from": query.updated_from,
        "updated_before": query.updated_before,
        "delivered_from": query.delivered_from,
        "delivered_before": query.delivered_before,
        "order_numbers": _texts_of(query.order_numbers),
        "plan_states": _texts_of(query.plan_states),
        "waits": _texts_of(query.waits),
        "needs": _texts_of(query.needs),
    }


def _texts_of(values: Sequence[str]) -> list[str] | None:
    return [str(value) for value in values] or None


def _page(one: AskedList, rows: Sequence[tuple[Any, ...]]) -> Page:
    total = rows[0][0]
    found = [row[1:] for row in rows if row[_KEY] is not None]
    return page_of(one.query, one.principal, total, found, Ordering.of(one.query))


_KEY = 3
"""Where the id is; without it the page is empty."""
