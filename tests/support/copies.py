"""Orders in any state for the price of an INSERT: copies of orders that the line brought there."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.orders.credentials import (
    SealedCredential,
    credential_context,
    credentials_of,
    store_credentials,
)
from axon_factory.orders.locking import lock_order_by_id
from tests.support.workshop import Workshop

__all__ = ["copy_order"]

_numbers = itertools.count(1)
_COLUMNS = text(
    """
    SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
    FROM information_schema.columns
    WHERE table_name = 'orders' AND table_schema = 'public' AND is_generated = 'NEVER'
    """
)
_PARTS = {
    "order_stages": "ordinal, intento, estado, actor, entered_at, left_at",
    "order_plans": "version, plan, hash, planner, estado, created_at, decided_at, decided_by, "
    "motivo",
    "order_milestones": "intento, milestone_id, agente, commit_id, completed_at",
}


async def copy_order(workshop: Workshop, order_id: UUID) -> UUID:
    """Copy an order with its plans, stages, milestones and credentials; its log stays behind."""
    copy = uuid4()
    async with workshop.factory.database.transaction("test") as session:
        columns = await session.scalar(_COLUMNS)
        await session.execute(
            text(
                f"INSERT INTO orders ({columns}) SELECT {columns} FROM jsonb_populate_record("  # noqa: S608 — names from the catalogue of the database
                "NULL::orders, (SELECT to_jsonb(o) FROM orders o WHERE id = :source) "
                "|| CAST(:changes AS jsonb))"
            ),
            {"source": order_id, "changes": _identity(copy)},
        )
        for table, members in _PARTS.items():
            await session.execute(
                text(
                    f"INSERT INTO {table} (order_id, {members}) "  # noqa: S608 — see above
                    f"SELECT :copy, {members} FROM {table} WHERE order_id = :source"
                ),
                {"copy": copy, "source": order_id},
            )
        await _copy_credentials(session, workshop, order_id, copy)
    return copy


def _identity(copy: UUID) -> str:
    number = f"ORD-2099-{next(_numbers):06d}{copy.int % 1000:03d}"
    return f'{{"id": "{copy}", "order_number": "{number}", "slug": "copia-{copy.hex}"}}'


async def _copy_credentials(
    session: AsyncSession, workshop: Workshop, source: UUID, copy: UUID
) -> None:
    box = workshop.factory.secret_box
    credentials = [
        SealedCredential(
            item.name,
            item.masked,
            item.secret,
            box.seal(f"secreto-{item.name}", context=credential_context(copy, item.name)),
        )
        for item in await credentials_of(session, source)
    ]
    if credentials:
        order = await lock_order_by_id(session, copy)
        await store_credentials(session, order, credentials, datetime.now(UTC))


Templates = Mapping[str, UUID]
