"""Orders in any state, without waiting for the line: copies of one that the line has made.

A copy has the same rows under an id and a number of its own, and credentials sealed to that id. It
has no audit trail and no notifications.
"""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.bootstrap import Container
from axon_factory.domain.names import SUPER_AXON
from axon_factory.domain.states import OrderState
from axon_factory.orders.change import Change
from axon_factory.orders.credentials import (
    SealedCredential,
    credential_context,
    credentials_of,
    note_in_service,
    open_credentials,
    store_credentials,
)
from tests.support.workshop import Workshop

__all__ = ["copy_made_by", "copy_order", "copy_orders", "order_in"]

_numbers = itertools.count(1)
_originals: WeakKeyDictionary[Container, dict[str, UUID]] = WeakKeyDictionary()
_columns_of: dict[str, tuple[str, str]] = {}  # the schema's views take longer than a copy
_CHILDREN = (
    "order_events",
    "order_stages",
    "order_plans",
    "order_milestones",
    "order_checks",
    "order_deployments",
    "order_sessions",
    "order_steps",
    "order_questions",
    "portal_links",
)
_COLUMNS = text(
    """
    SELECT string_agg(quote_ident(column_name), ', '),
        string_agg('r.' || quote_ident(column_name), ', ')
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = :name
      AND is_generated = 'NEVER' AND is_identity = 'NO'
    """
)
_COPY = """
    INSERT INTO {table} ({columns})
    SELECT {values} FROM {table} AS original
    CROSS JOIN unnest(CAST(:ids AS uuid[]), CAST(:numbers AS text[])) AS copy(id, number)
    CROSS JOIN LATERAL jsonb_populate_record(original, {changes}) AS r
    WHERE original.{key} = :original
    """
_ORDER_CHANGES = (
    "jsonb_build_object('id', copy.id, 'order_number', copy.number, "
    "'slug', 'copia-' || left(copy.id::text, 36))"
)
_CHILD_CHANGES = "jsonb_build_object('order_id', copy.id)"
_STEP_CHANGES = (
    "jsonb_build_object('order_id', copy.id, 'idempotency_key', "
    "replace(original.idempotency_key, original.order_id::text, copy.id::text))"
)


async def order_in(
    workshop: Workshop,
    state: OrderState,
    **changes: Any,  # noqa: ANN401 — members of the order
) -> UUID:
    """Return a fresh order as `Workshop.placed_in` has it, a twentieth as slow from the second on.

    The first of each kind goes through the real line; nobody but this function touches it.
    """
    kind = repr((state.value, sorted(changes.items())))
    return await copy_made_by(workshop, kind, lambda: workshop.placed_in(state, **changes))


async def copy_made_by(workshop: Workshop, kind: str, make: Callable[[], Awaitable[UUID]]) -> UUID:
    """Return a copy of the order that `make` made for the first of this `kind`."""
    known = _originals.setdefault(workshop.container, {})
    if kind not in known:
        known[kind] = await make()
    return await copy_order(workshop, known[kind])


async def copy_order(workshop: Workshop, order_id: UUID) -> UUID:
    """Return a copy of the order."""
    return (await copy_orders(workshop, order_id, 1))[0]


async def copy_orders(workshop: Workshop, order_id: UUID, count: int) -> Sequence[UUID]:
    """Return `count` copies of the order."""
    ids = [uuid4() for _ in range(count)]
    async with workshop.container.database.transaction("test") as session:
        await _copy_rows(session, order_id, ids)
        await _seal_anew(session, workshop, order_id, ids)
    return ids


async def _seal_anew(
    session: AsyncSession, workshop: Workshop, original_id: UUID, ids: Sequence[UUID]
) -> None:
    kept = {item.name: item for item in await credentials_of(session, original_id)}
    if not kept:
        return
    box = workshop.container.secret_box
    now = datetime.now(UTC)
    original = await workshop.order(original_id)
    values = await open_credentials(session, original, box)
    for copy in ids:
        sealed = [
            SealedCredential(
                name,
                kept[name].masked,
                kept[name].secret,
                box.seal(value, context=credential_context(copy, name)),
            )
            for name, value in values.items()
        ]
        order = original.model_copy(update={"id": copy})
        change = Change(session, order, SUPER_AXON, workshop.container.policy, now)
        await store_credentials(change, sealed)
        if all(item.in_service_at for item in kept.values()):
            await note_in_service(change)


async def _copy_rows(session: AsyncSession, original: UUID, ids: Sequence[UUID]) -> None:
    numbers = [f"ORD-2099-{next(_numbers):06d}" for _ in ids]
    changes = dict.fromkeys(_CHILDREN, _CHILD_CHANGES) | {"order_steps": _STEP_CHANGES}
    for table, key, changed in [
        ("orders", "id", _ORDER_CHANGES),
        *((table, "order_id", changed) for table, changed in changes.items()),
    ]:
        if table not in _columns_of:
            names = (await session.execute(_COLUMNS, {"name": table})).one()
            _columns_of[table] = (names[0], names[1])
        columns, values = _columns_of[table]
        statement = _COPY.format(
            table=table, columns=columns, values=values, changes=changed, key=key
        )
        await session.execute(
            text(statement), {"ids": ids, "numbers": numbers, "original": original}
        )
