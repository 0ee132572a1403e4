"""One act on many orders: each accepted or refused by itself, all in one transaction.

One transaction, and a savepoint for each order, because the answer must be as durable as what it
tells of: a repeated request with the same `Idempotency-Key` gets this answer, a crash leaves
nothing half done. The price is that every order stays locked until the end, which `MOST_ORDERS`
bounds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import psycopg.rows
from psycopg import sql
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.sessions import driver_connection, savepoint
from axon_factory.db.tables import Order
from axon_factory.domain.errors import (
    AxonError,
    Conflict,
    OrderErased,
    OrderNotFound,
    ValidationFailed,
)
from axon_factory.domain.permissions import Action, Principal, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.bulk_requests import (
    MOST_ORDERS,
    BulkAct,
    CancelOrders,
    PrioritiseOrders,
    RetryOrders,
    TagOrders,
)
from axon_factory.orders.change import Change
from axon_factory.orders.lists.conditions import condition_of
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.lists.words import Connection
from axon_factory.orders.moves import cancel_order, retry_order
from axon_factory.orders.policy import Policy
from axon_factory.orders.read import visible_to
from axon_factory.orders.requests import OrderPatch, validated
from axon_factory.orders.update import patch_order

__all__ = [
    "ACTIONS",
    "BulkPreview",
    "BulkResult",
    "SelectionChanged",
    "act_on_orders",
    "count_states",
    "find_ids",
    "lock_orders",
    "matching_ids",
    "preview_bulk",
    "read_orders",
]

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

    So two acts on the same orders cannot wait for one another in a circle. What else a write
    locks (its audit chain, its job) is locked by the holder of the order.
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


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "cancel": Action.CANCEL_ORDER,
        "retry": Action.RETRY_ORDER,
        "prioridad": Action.UPDATE_ORDER,
        "tag": Action.UPDATE_ORDER,
    }
)
"""The permission that each act needs, besides the permission to act on many orders."""

_SAMPLE = 5


class SelectionChanged(Conflict):
    """Another number of orders fits the filter now than the caller has seen."""

    codigo = "seleccion_cambiada"
    title = "La selección cambió"
    title_en = "The selection has changed"


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of one order. `order` is None if there is none for the caller."""

    reference: str
    order: Order | None
    message: Sentence | str
    refusal: AxonError | None = None


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """What an act would be about. `refused` counts those whose state does not allow it."""

    states: Mapping[str, int]
    refused: int
    not_found: int
    sample: Sequence[Order]


async def preview_bulk(session: AsyncSession, act: BulkAct, principal: Principal) -> BulkPreview:
    """Return how many orders the act is about, and the first of them; nothing is changed."""
    if act.filtro is not None:
        states = await count_states(session, act.filtro.query, principal)
        first = await matching_ids(session, act.filtro.query, principal, limit=_SAMPLE)
        not_found, sample = 0, await read_orders(session, first)
    else:
        references = list(dict.fromkeys(act.ids))
        found = await find_ids(session, references, principal)
        orders = await read_orders(session, list(set(found.values())))
        states = Counter(order.estado for order in orders)
        not_found, sample = len(references) - len(found), orders[:_SAMPLE]
    action = ACTIONS[act.accion]
    refused = sum(
        number for state, number in states.items() if not serves_in(action, OrderState(state))
    )
    return BulkPreview(states, refused, not_found, sample)


async def act_on_orders(
    session: AsyncSession, act: BulkAct, principal: Principal, policy: Policy, now: datetime
) -> Sequence[BulkResult]:
    """Do the act on each order, or say why not; one that is refused leaves the others be.

    The results come as the ids were sent, each order once; of a filter in order of id.

    Raises:
        SelectionChanged: another number of orders fits the filter than `esperado`.
        ValidationFailed: more orders fit it than one act takes.
    """
    if act.filtro is not None:
        orders = await _locked_by_filter(session, act, principal)
        named = {str(order.id): order.id for order in orders}
        references = list(named)
    else:
        references = list(dict.fromkeys(act.ids))
        named = await find_ids(session, references, principal)
        orders = await lock_orders(session, list(set(named.values())))
    results: dict[UUID, BulkResult] = {}
    for order in orders:
        results[order.id] = await _apply(
            Change(session, order, principal.actor, policy, now), act, principal
        )
    return _as_sent(references, named, results)


async def _locked_by_filter(
    session: AsyncSession, act: BulkAct, principal: Principal
) -> Sequence[Order]:
    """Lock what the filter finds, and look again: a locked order changes no more."""
    if act.filtro is None:
        raise ValueError("there is no filter")
    query, most = act.filtro.query, MOST_ORDERS + 1
    orders = await lock_orders(session, await matching_ids(session, query, principal, limit=most))
    matching = await matching_ids(session, query, principal, limit=most)
    if len(matching) > MOST_ORDERS:
        raise ValidationFailed(
            {
                "filtro": Sentence(
                    f"Coincide con más de {MOST_ORDERS} órdenes: acota el filtro",
                    f"Matches more than {MOST_ORDERS} orders: narrow it",
                )
            }
        )
    if len(matching) != act.esperado or {order.id for order in orders} != set(matching):
        raise SelectionChanged(
            f"El filtro coincide ahora con {len(matching)} órdenes; pide de nuevo la vista previa",
            message_en=f"The filter matches {len(matching)} orders now; ask for the preview again",
            extra={"total": len(matching), "esperado": act.esperado},
        )
    return orders


async def _apply(change: Change, act: BulkAct, principal: Principal) -> BulkResult:
    order = change.order
    reference = str(order.id)
    try:
        async with savepoint(change.tx):
            message = await _do(change, act, principal)
    except AxonError as refusal:
        await change.tx.refresh(order)  # what the savepoint took back
        return BulkResult(reference, order, _told(refusal), refusal)
    return BulkResult(reference, order, message)


async def _do(change: Change, act: BulkAct, principal: Principal) -> Sentence:
    order = change.order
    if order.borrado_at is not None:
        raise OrderErased(order.order_number)
    match act:
        case CancelOrders():
            reason = act.motivo
            await cancel_order(change, reason=reason)
            return Sentence("Orden cancelada", "Order cancelled")
        case RetryOrders():
            await retry_order(change)
            number = order.intento
            return Sentence(f"Intento {number} en marcha", f"Attempt {number} is under way")
        case PrioritiseOrders():
            fields = {"prioridad": act.prioridad} if act.prioridad != order.prioridad else {}
        case TagOrders():
            tags = _tagged(order, act)
            fields = {"tags": tags} if tags != order.tags else {}
    if not fields:
        return Sentence("Ya estaba así", "It was so already")
    patch = validated(OrderPatch, fields)
    await patch_order(change, patch, principal)
    return Sentence("Orden actualizada", "Order updated")


def _tagged(order: Order, act: TagOrders) -> list[str]:
    kept = [tag for tag in order.tags if tag not in act.quitar]
    return list(dict.fromkeys([*kept, *act.agregar]))


def _as_sent(
    references: Sequence[str], named: Mapping[str, UUID], results: Mapping[UUID, BulkResult]
) -> Sequence[BulkResult]:
    """Return the results in the order of the references; an order named twice has one."""
    told: dict[UUID | str, BulkResult] = {}
    for reference in references:
        result = results.get(named[reference]) if reference in named else None
        if result is None or result.order is None:
            missing = OrderNotFound(reference)
            told[reference] = BulkResult(reference, None, _told(missing), missing)
        else:
            told.setdefault(result.order.id, result)
    return list(told.values())


def _told(refusal: AxonError) -> Sentence:
    if isinstance(refusal, ValidationFailed):
        spanish, english = (
            "; ".join(f"{name}: {told}" for name, told in details.items())
            for details in (refusal.details, refusal.details_en)
        )
        return Sentence(spanish, english)
    return Sentence(refusal.message, refusal.message_en)
