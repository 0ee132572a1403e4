"""Keep the bitmaps of terms: fold changes in, and build those of terms that have become common.

For every order without a row in `order_term_changes`, every built bitmap says what `order_terms`
says. Each function here keeps that, in one transaction of one snapshot. One works at a time, the
others get psycopg's LockNotAvailable; readers and writers of orders never wait.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, LiteralString

import psycopg.rows
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import driver_connection
from axon_factory.orders.lists.bitmap import Bitmap, chunk_of, split
from axon_factory.orders.lists.index import Connection
from axon_factory.orders.lists.terms import is_bounded, spread, tsquery

__all__ = ["MOST_CHANGES", "build", "fold", "survey"]

COMMON = 1000
"""A term that so many orders have gets a bitmap; of fewer, an index lookup is as quick."""
MOST_CHANGES = 5000
"""How many changes are folded at once."""

_SAMPLED = 64

_ALONE = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    # Before the snapshot: it must hold what the one who had the lock before has done.
    "LOCK TABLE order_bitmap_terms IN SHARE ROW EXCLUSIVE MODE NOWAIT",
)
_TAKE = """
    DELETE FROM order_term_changes WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM order_term_changes LIMIT %s
    )) RETURNING position, touched
"""
_CURRENT = """
    SELECT position, tsvector_to_array(terms) FROM order_terms WHERE position = ANY (%s)
"""
_KNOWN = "SELECT term, built FROM order_bitmap_terms WHERE term = ANY (%s)"
_REGISTER = "INSERT INTO order_bitmap_terms SELECT unnest(%s::text[]), %s ON CONFLICT DO NOTHING"
_KEPT = """
    SELECT term, chunk, bits FROM order_bitmaps
    JOIN unnest(%s::text[], %s::integer[]) AS wanted (term, chunk) USING (term, chunk)
"""
_KEEP = """
    INSERT INTO order_bitmaps (term, chunk, bits)
    SELECT * FROM unnest(%s::text[], %s::integer[], %s::bytea[])
    ON CONFLICT (term, chunk) DO UPDATE SET bits = excluded.bits
"""
_UNBUILT = "SELECT term FROM order_bitmap_terms WHERE NOT built LIMIT %s"
_HAVING = "SELECT position FROM order_terms WHERE terms @@ %s::text::tsquery"
_BUILT = "UPDATE order_bitmap_terms SET built = true WHERE term = %s"
_DUE = """
    INSERT INTO order_bitmap_survey AS before (surveyed_at, last_position)
    SELECT now(), coalesce(max(position), 0) FROM order_terms
    ON CONFLICT (single) DO UPDATE
    SET surveyed_at = excluded.surveyed_at, last_position = excluded.last_position
    WHERE excluded.surveyed_at > before.surveyed_at + interval '1 hour'
        OR excluded.last_position > 1.1 * before.last_position + %s
    RETURNING true
"""
_SURVEY = """
    INSERT INTO order_bitmap_terms
    SELECT term COLLATE "C", false FROM (
        SELECT CASE WHEN lexeme LIKE 'w:%%' THEN left(lexeme, length) ELSE lexeme END AS term
        FROM order_terms, unnest(terms) AS has (lexeme, positions, weights),
            generate_series(3, CASE WHEN lexeme LIKE 'w:%%' THEN length(lexeme) ELSE 3 END)
                AS length
        WHERE position %% 64 = 0 AND lexeme ~ '^[agcw]:'
    ) AS sample
    GROUP BY term HAVING count(*) * %s >= %s
    ON CONFLICT DO NOTHING
"""


async def fold(session: AsyncSession) -> int:
    """Fold up to `MOST_CHANGES` changes of terms into the bitmaps; return how many there were."""
    connection = await _alone(session)
    changes = await _rows(connection, _TAKE, MOST_CHANGES)
    if not changes:
        return 0
    touched: defaultdict[int, set[str]] = defaultdict(set)
    for position, lexemes in changes:
        touched[position].update(term for lexeme in lexemes for term in spread(lexeme))
    built = await _built_among(connection, set[str]().union(*touched.values()))
    current: dict[int, list[str]] = dict(await _rows(connection, _CURRENT, list(touched)))
    gained: defaultdict[str, list[int]] = defaultdict(list)
    lost: defaultdict[str, list[int]] = defaultdict(list)
    for position, terms in touched.items():
        has = {term for lexeme in current.get(position, ()) for term in spread(lexeme)}
        for term in terms & built:
            (gained if term in has else lost)[term].append(position)
    await _apply(connection, gained, lost)
    return len(changes)


async def survey(session: AsyncSession) -> bool:
    """Once an hour, and whenever there are a tenth more orders, look which terms are common.

    One order of 64 is looked at. What is found is registered, for `build`.
    """
    connection = await _alone(session)
    if not await _rows(connection, _DUE, COMMON):
        return False
    await connection.execute(_SURVEY, (_SAMPLED, COMMON))
    return True


async def build(session: AsyncSession, most: int = 50) -> int:
    """Build the bitmaps of up to `most` registered terms that have none; return of how many."""
    connection = await _alone(session)
    terms: list[str] = [term for (term,) in await _rows(connection, _UNBUILT, most)]
    for term in terms:
        cursor = connection.cursor(row_factory=psycopg.rows.scalar_row, binary=True)
        await cursor.execute(_HAVING, (tsquery((term,)),))
        await _keep(connection, {term: split(await cursor.fetchall())})
        await connection.execute(_BUILT, (term,))
    return len(terms)


async def _alone(session: AsyncSession) -> Connection:
    connection = await driver_connection(session)
    for statement in _ALONE:
        await connection.execute(statement)
    return connection


async def _built_among(connection: Connection, terms: Collection[str]) -> set[str]:
    """Return which of `terms` have a bitmap; a bounded one that is new gets an empty one now.

    Nobody had it before, or it would be registered: a bitmap from here on is whole.
    """
    known: dict[str, bool] = dict(await _rows(connection, _KNOWN, list(terms)))
    fresh = [term for term in terms if is_bounded(term) and term not in known]
    await connection.execute(_REGISTER, (fresh, True))
    return {term for term, built in known.items() if built} | set(fresh)


async def _apply(
    connection: Connection, gained: Mapping[str, list[int]], lost: Mapping[str, list[int]]
) -> None:
    keys = {
        (term, chunk_of(position))
        for changes in (gained, lost)
        for term, positions in changes.items()
        for position in positions
    }
    kept: defaultdict[str, dict[int, bytes]] = defaultdict(dict)
    for term, chunk, bits in await _rows(connection, _KEPT, *_columns(keys, 2)):
        kept[term][chunk] = bits
    changed = {
        term: (
            Bitmap.stored(kept[term]) - Bitmap.of(lost.get(term, ()))
            | Bitmap.of(gained.get(term, ()))
        ).chunks()
        for term in {term for term, _ in keys}
    }
    await _keep(connection, changed)


async def _keep(connection: Connection, chunks: Mapping[str, Mapping[int, bytes]]) -> None:
    rows = [(term, chunk, bits) for term, each in chunks.items() for chunk, bits in each.items()]
    await connection.execute(_KEEP, _columns(rows, 3))


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


async def _rows(
    connection: Connection, statement: LiteralString, *values: object
) -> Sequence[tuple[Any, ...]]:
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row, binary=True)
    await cursor.execute(statement, values)
    return await cursor.fetchall()
