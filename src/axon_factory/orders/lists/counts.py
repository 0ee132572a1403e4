"""Fold what writers have added to the counts of orders into them.

Readers add both up, so that a total is exact before, while and after. One works at a time, the
others get psycopg's LockNotAvailable; readers and writers of orders never wait.
"""

import psycopg.rows
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import driver_connection

__all__ = ["MOST_CHANGES", "fold"]

MOST_CHANGES = 20_000
"""How many changes are folded at once."""

_ALONE = "LOCK TABLE order_counts IN SHARE ROW EXCLUSIVE MODE NOWAIT"
_FOLD = """
    WITH taken AS (
        DELETE FROM order_count_changes WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM order_count_changes LIMIT %s
        )) RETURNING *
    ), added AS (
        INSERT INTO order_counts AS counted
        SELECT key, estado, tipo_producto, prioridad_rank, asignado_a, plan_estado, espera,
            sum(orders)
        FROM taken GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(orders) <> 0
        ON CONFLICT (key, estado, tipo_producto, prioridad_rank, coalesce(asignado_a, ''),
            coalesce(plan_estado, ''), coalesce(espera, ''))
        DO UPDATE SET orders = counted.orders + excluded.orders
        RETURNING counted.ctid, counted.orders
    )
    SELECT (SELECT count(*) FROM taken), ARRAY(SELECT ctid::text FROM added WHERE orders = 0)
"""
_FORGET = "DELETE FROM order_counts WHERE ctid = ANY (%s::text[]::tid[])"


async def fold(session: AsyncSession) -> int:
    """Fold up to `MOST_CHANGES` changes into the counts; return how many there were."""
    connection = await driver_connection(session)
    await connection.execute(_ALONE)
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row)
    await cursor.execute(_FOLD, (MOST_CHANGES,))
    [(changes, empty)] = await cursor.fetchall()
    await connection.execute(_FORGET, (empty,))
    return changes
