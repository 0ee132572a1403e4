"""Which orders a list has: its filter as an AND of ORs of bitmaps."""

from collections.abc import Sequence

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.permissions import Principal
from axon_factory.domain.text import Sentence
from axon_factory.orders.lists.bitmap import Bitmap
from axon_factory.orders.lists.dates import DateRange
from axon_factory.orders.lists.index import Connection, TermSets, created_within, load, words_of
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.lists.terms import CREATED_MONTH, Clause, clauses_of, cut_numbers

__all__ = ["filter_clauses", "matching_orders", "use_one_snapshot"]

_NO_WORD = Sentence("Debe tener alguna letra o cifra", "Must have some letter or digit")


async def use_one_snapshot(connection: Connection) -> None:
    """Make all that this transaction reads be of one moment; it must not have read yet."""
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def filter_clauses(
    connection: Connection, query: ListQuery, principal: Principal
) -> list[Clause]:
    """Return the filter of `query` without its dates, limited to what the caller may see.

    Raises:
        ValidationFailed: there is no word in `q`.
    """
    numbers, rest = cut_numbers(query.text or "")
    words = [*numbers, *(await words_of(connection, rest) if rest else ())]
    if query.text is not None and not words:
        raise ValidationFailed({"q": _NO_WORD})
    return clauses_of(query, principal, words)


async def matching_orders(
    connection: Connection,
    query: ListQuery,
    principal: Principal,
    *,
    terms: Sequence[str],
    kind: str,
) -> tuple[Bitmap, TermSets]:
    """Return the orders of the list.

    Also returns the sets of `terms` and of every term of `kind`, a kind that each order has one of.
    """
    clauses = await filter_clauses(connection, query, principal)
    dates = DateRange(query.created_from, query.created_before)
    wanted = {term for clause in clauses for term in clause} | {*terms, *dates.days()}
    kinds = {kind, CREATED_MONTH} if dates.is_limited else {kind}
    sets = await load(connection, wanted, kinds)
    parts = [Bitmap.union(sets[term] for term in clause) for clause in clauses]
    if dates.is_limited:
        parts.append(await _created(connection, dates, sets))
    if not parts:
        parts.append(Bitmap.union(bits for term, bits in sets.items() if term.startswith(kind)))
    return Bitmap.intersection(parts), sets


async def _created(connection: Connection, dates: DateRange, sets: TermSets) -> Bitmap:
    """Return the orders created within `dates`: whole months, whole days, and the ends."""
    months = (term for term in sets if term.startswith(CREATED_MONTH) and dates.covers(term))
    whole = [sets[term] for term in (*months, *dates.days())]
    ends = [await created_within(connection, begin, end) for begin, end in dates.ends()]
    return Bitmap.union([*whole, *ends])
