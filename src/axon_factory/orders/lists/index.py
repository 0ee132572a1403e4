"""Read which orders have a term, exactly as of the transaction's snapshot."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import psycopg
import psycopg.rows

from axon_factory.orders.lists.bitmap import Bitmap
from axon_factory.orders.lists.terms import is_bounded, is_word, tsquery

__all__ = ["Connection", "TermSets", "created_within", "load", "words_of"]

Connection: TypeAlias = psycopg.AsyncConnection[object]
TermSets: TypeAlias = Mapping[str, Bitmap]
_Changed: TypeAlias = Sequence[tuple[int, Sequence[str]]]

# LATERAL and OFFSET 0: term after term by the primary key, whatever the planner guesses.
_STORED = """
    SELECT known.term, known.built, kept.chunk, kept.bits
    FROM (
        SELECT term, built FROM order_bitmap_terms WHERE term = ANY (%(terms)s)
        UNION
        SELECT term, built FROM unnest(%(kinds)s::text[]) AS kind
        JOIN order_bitmap_terms ON term >= kind AND term < kind || '~'
    ) AS known
    LEFT JOIN LATERAL (
        SELECT chunk, bits FROM order_bitmaps WHERE term = known.term OFFSET 0
    ) AS kept ON known.built
"""
_CHANGED = """
    SELECT position, coalesce(tsvector_to_array(terms), '{}')
    FROM (SELECT DISTINCT position FROM order_term_changes) AS changed
    LEFT JOIN order_terms USING (position)
"""
_LOOKED_UP = """
    SELECT wanted.ordinal, array_agg(found.position)
    FROM unnest(%(queries)s::text[]::tsquery[]) WITH ORDINALITY AS wanted (query, ordinal)
    CROSS JOIN LATERAL (SELECT position FROM order_terms WHERE terms @@ wanted.query) AS found
    GROUP BY wanted.ordinal
"""
_CREATED = "SELECT position FROM orders WHERE created_at >= %s AND created_at < %s"


async def load(
    connection: Connection, terms: Collection[str], kinds: Collection[str]
) -> dict[str, Bitmap]:
    """Return the orders of each of `terms`, and of each term that there is of `kinds`.

    Bitmaps tell of the orders that did not change since they were folded; those that did are read
    themselves, and so are the terms that too few orders have for a bitmap.
    """
    sets, unbuilt = await _stored(connection, terms, kinds)
    changed = await _changed(connection)
    for _, lexemes in changed:
        for lexeme in lexemes:
            if lexeme.startswith(tuple(kinds)):
                sets.setdefault(lexeme, Bitmap())
    for term in terms:
        if is_bounded(term):
            sets.setdefault(term, Bitmap())
    _overlay(sets, changed)
    rare = [*unbuilt, *(term for term in terms if term not in sets and term not in unbuilt)]
    return sets | await _looked_up(connection, rare)


async def words_of(connection: Connection, text: str) -> Sequence[str]:
    """Return the words of `text`, cut and written as those of orders are."""
    cursor = connection.cursor(row_factory=psycopg.rows.scalar_row)
    await cursor.execute("SELECT search_words(%s)", (text,))
    return await cursor.fetchone() or []


async def created_within(connection: Connection, begin: datetime, end: datetime) -> Bitmap:
    """Return the orders created from `begin` until before `end`."""
    cursor = connection.cursor(row_factory=psycopg.rows.scalar_row, binary=True)
    await cursor.execute(_CREATED, (begin, end))
    return Bitmap.of(await cursor.fetchall())


async def _stored(
    connection: Connection, terms: Collection[str], kinds: Collection[str]
) -> tuple[dict[str, Bitmap], list[str]]:
    chunks: defaultdict[str, dict[int, bytes]] = defaultdict(dict)
    unbuilt: list[str] = []
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row, binary=True)
    await cursor.execute(_STORED, {"terms": list(terms), "kinds": list(kinds)})
    for term, built, chunk, bits in await cursor.fetchall():
        if not built:
            unbuilt.append(term)
        elif chunk is None:
            chunks[term] = {}
        else:
            chunks[term][chunk] = bits
    return {term: Bitmap.stored(kept) for term, kept in chunks.items()}, unbuilt


async def _changed(connection: Connection) -> _Changed:
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row, binary=True)
    await cursor.execute(_CHANGED)
    return await cursor.fetchall()


def _overlay(sets: dict[str, Bitmap], changed: _Changed) -> None:
    """Put the truth about the orders that changed in the place of what bitmaps say of them."""
    if not changed:
        return
    stale = Bitmap.of(position for position, _ in changed)
    having: defaultdict[str, list[int]] = defaultdict(list)
    beginnings = [term for term in sets if is_word(term)]
    for position, lexemes in changed:
        for lexeme in lexemes:
            if lexeme in sets and not is_word(lexeme):
                having[lexeme].append(position)
        for beginning in beginnings:
            if any(lexeme.startswith(beginning) for lexeme in lexemes):
                having[beginning].append(position)
    for term, kept in sets.items():
        sets[term] = (kept - stale) | Bitmap.of(having[term])


async def _looked_up(connection: Connection, terms: Sequence[str]) -> dict[str, Bitmap]:
    if not terms:
        return {}
    cursor = connection.cursor(row_factory=psycopg.rows.tuple_row, binary=True)
    await cursor.execute(_LOOKED_UP, {"queries": [tsquery((term,)) for term in terms]})
    found: dict[int, Iterable[int]] = dict(await cursor.fetchall())
    return {term: Bitmap.of(found.get(i, ())) for i, term in enumerate(terms, start=1)}
