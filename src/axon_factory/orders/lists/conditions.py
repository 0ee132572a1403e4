"""The filter of a list as conditions of SQL.

Their columns have the same names in `orders`, `listed_orders` and, where the value is counted,
`order_counts`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from psycopg import sql

from axon_factory.domain.fields import public_name
from axon_factory.domain.permissions import Grant, Principal
from axon_factory.domain.states import TERMINAL_STATES, Needs, OrderState
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.lists.words import Connection, words_query

__all__ = ["COUNTED", "NEEDS", "condition", "condition_of", "is_of_orders", "values_of"]

# Who owes the next act (`domain.waiting.Needs`).
NEEDS = """
    CASE
        WHEN estado IN ('entregado', 'cancelado') THEN 'nadie'
        WHEN espera = 'cliente' THEN 'cliente'
        WHEN espera <> 'maquina' OR estado = 'fallido'
            OR estado = 'planificacion' AND plan_estado = 'pendiente_aprobacion' THEN 'persona'
        ELSE 'nadie'
    END
"""
COUNTED: Mapping[str, str] = {
    "states": "estado = ANY (%(states)s)",
    "product_types": "tipo_producto = ANY (%(product_types)s)",
    "ranks": "prioridad_rank = ANY (%(ranks)s)",
    "assignees": "asignado_a = ANY (%(assignees)s)",
    "plan_states": "plan_estado = ANY (%(plan_states)s)",
    "waits": "espera = ANY (%(waits)s)",
    "needs": f"{NEEDS} = ANY (%(needs)s)",
}
"""Filters by values that `order_counts` tells apart."""
_CONDITIONS: Mapping[str, str] = {
    **COUNTED,
    "clients": "cliente_id = ANY (%(clients)s)",
    "tags": "tags @> %(tags)s",
    "words": "words @@ %(words)s::text::tsquery",
    "created_from": "created_at >= %(created_from)s",
    "created_before": "created_at < %(created_before)s",
    "delivered_from": "entregado_at >= %(delivered_from)s",
    "delivered_before": "entregado_at < %(delivered_before)s",
    "updated_from": "updated_at >= %(updated_from)s",
    "updated_before": "updated_at < %(updated_before)s",
    "order_numbers": "order_number = ANY (%(order_numbers)s)",
}
_OF_ORDERS = frozenset({"updated_from", "updated_before", "order_numbers"})
_NARROW = frozenset({"words", "tags"})
"""Filters whose columns the index of changes has not: the narrow row is asked, not the wide one."""


def values_of(query: ListQuery, principal: Principal, words: str | None) -> dict[str, Any]:
    """Return the values of the filters that are asked for, limited to what the caller may see.

    `words` is what `words_query` made of `q`.
    """
    values: dict[str, Any] = {
        "states": _states(query),
        "product_types": _texts(query.product_types),
        "ranks": [priority.rank for priority in query.priorities] or None,
        "assignees": _texts(_visible_names(query.assignees, principal)),
        "plan_states": _texts(query.plan_states),
        "waits": _texts(query.waits),
        "needs": _texts(query.needs),
        "clients": _clients(query, principal),
        "tags": _texts(query.tags),
        "words": words,
        "created_from": query.created_from,
        "created_before": query.created_before,
        "delivered_from": query.delivered_from,
        "delivered_before": query.delivered_before,
        "updated_from": query.updated_from,
        "updated_before": query.updated_before,
        "order_numbers": _texts(query.order_numbers),
    }
    return {name: value for name, value in values.items() if value is not None}


def is_of_orders(names: Iterable[str]) -> bool:
    """Return whether `orders` alone has the columns of these filters."""
    return not _OF_ORDERS.isdisjoint(names)


def condition(names: Iterable[str], *, of_orders: bool = False) -> sql.SQL:
    """Return the filters of these names as one condition, on `listed_orders` or on `orders`."""
    parts = [
        f"id IN (SELECT id FROM listed_orders WHERE {_CONDITIONS[name]})"  # noqa: S608 — constants
        if of_orders and name in _NARROW
        else _CONDITIONS[name]
        for name in names
    ]
    return sql.SQL(cast("Any", " AND ".join(parts) or "true"))


async def condition_of(
    connection: Connection, query: ListQuery, principal: Principal
) -> tuple[sql.Composable | None, dict[str, Any]]:
    """Return the filter of `query` as a condition on `orders`, and its values.

    The condition is None if the filter leaves nothing out.

    Raises:
        ValidationFailed: there is no word in `q`.
    """
    values = values_of(query, principal, await words_query(connection, query.text))
    return (condition(values, of_orders=True) if values else None), values


def _states(query: ListQuery) -> list[str] | None:
    """Return the states to look in: none that leave nobody anything to do, unless asked for."""
    if not query.needs or Needs.NADIE in query.needs:
        return _texts(query.states)
    return [str(state) for state in query.states or OrderState if state not in TERMINAL_STATES]


def _clients(query: ListQuery, principal: Principal) -> list[str] | None:
    own = principal.client_id if principal.grant is Grant.CLIENT_OWN else None
    if own is None:
        return list(query.client_ids) or None
    return [own] if not query.client_ids or own in query.client_ids else []


def _visible_names(names: Sequence[str], principal: Principal) -> Sequence[str]:
    """Return the names to look for.

    A client must not learn by asking which person of the factory deals with an order.
    """
    if principal.is_staff:
        return names
    return [name if public_name(name, principal.grant) == name else "" for name in names]


def _texts(values: Sequence[str]) -> list[str] | None:
    return [str(value) for value in values] or None
