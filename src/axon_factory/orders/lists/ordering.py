"""In which order a list is read, and the calendar months that it is read from.

Priority sorts by rank, and oldest first within a rank (resolutions 6); the times sort both ways.
Ties break by id.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from axon_factory.domain.building import Priority
from axon_factory.orders.lists.bitmap import Bitmap
from axon_factory.orders.lists.cursor import Cursor
from axon_factory.orders.lists.dates import month_bounds
from axon_factory.orders.lists.index import TermSets
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.lists.terms import CREATED_MONTH, UPDATED_MONTH, priority_term

__all__ = ["Ordering", "Segment"]

_RANKS = tuple(priority.rank for priority in Priority)
NO_RANK = -1


@dataclass(frozen=True, slots=True)
class Segment:
    """The orders of the list in one month, and of one rank where the list is sorted by it."""

    rank: int
    month: str
    bits: Bitmap


@dataclass(frozen=True, slots=True)
class Ordering:
    """The order of reading: that of the list, or its reverse for the page before a cursor."""

    column: str
    kind: str
    by_rank: bool
    rank_descending: bool
    time_descending: bool
    beyond: Cursor | None

    @classmethod
    def of(cls, query: ListQuery) -> "Ordering":
        """Return how the page of `query` is read."""
        backward = query.cursor is not None and not query.cursor.forward
        by_rank = query.sort_by == "prioridad"
        by_update = query.sort_by == "updated_at"
        return cls(
            column="updated_at" if by_update else "created_at",
            kind=UPDATED_MONTH if by_update else CREATED_MONTH,
            by_rank=by_rank,
            rank_descending=query.descending != backward,
            time_descending=(query.descending and not by_rank) != backward,
            beyond=query.cursor,
        )

    @property
    def order_by_key(self) -> tuple[str, bool, bool, bool]:
        """What `order_by` depends on."""
        return self.column, self.by_rank, self.rank_descending, self.time_descending

    @property
    def terms(self) -> list[str]:
        """The terms that the list is cut into, its months aside."""
        return [priority_term(rank) for rank in _RANKS] if self.by_rank else []

    def segments(self, matching: Bitmap, sets: TermSets) -> Iterator[Segment]:
        """Yield what the list consists of, in the order of reading, from the cursor's on."""
        months = sorted(
            (term.removeprefix(self.kind) for term in sets if term.startswith(self.kind)),
            reverse=self.time_descending,
        )
        ranks = sorted(_RANKS, reverse=self.rank_descending) if self.by_rank else [NO_RANK]
        for rank in ranks:
            if self._is_passed(rank):
                continue
            ranked = matching & sets[priority_term(rank)] if self.by_rank else matching
            for month in months:
                if self._is_passed(rank, month):
                    continue
                if bits := ranked & sets[self.kind + month]:
                    yield Segment(rank, month, bits)

    def order_by(self) -> sql.Composable:
        """Return the list's ORDER BY."""
        time = sql.SQL("DESC" if self.time_descending else "ASC")
        rank = sql.SQL("DESC" if self.rank_descending else "ASC")
        keys = sql.SQL("{} {}, id {}").format(sql.Identifier(self.column), time, time)
        return sql.SQL("prioridad_rank {}, {}").format(rank, keys) if self.by_rank else keys

    def is_beyond(self, rank: int | None = None) -> sql.Composable:
        """Return the condition of what comes after the cursor, of one rank if it is given."""
        cursor = self.beyond
        if cursor is None or (self.by_rank and rank is not None and rank != cursor.rank):
            return sql.SQL("true")
        after = sql.SQL("({}, id) {} ({}, {})").format(
            sql.Identifier(self.column),
            sql.SQL("<" if self.time_descending else ">"),
            sql.Placeholder("cursor_time"),
            sql.Placeholder("cursor_id"),
        )
        if not self.by_rank or rank is not None:
            return after
        return sql.SQL("(prioridad_rank {0} {1} OR prioridad_rank = {1} AND {2})").format(
            sql.SQL("<" if self.rank_descending else ">"), sql.Placeholder("cursor_rank"), after
        )

    def cursor_values(self) -> dict[str, object]:
        """Return the values that `is_beyond` names."""
        if self.beyond is None:
            return {}
        return {
            "cursor_rank": self.beyond.rank,
            "cursor_time": self.beyond.moment,
            "cursor_id": self.beyond.order_id,
        }

    def _is_passed(self, rank: int, month: str | None = None) -> bool:
        """Return whether all of this rank, or of this month of it, is before the cursor."""
        if self.beyond is None:
            return False
        if self.by_rank and rank != self.beyond.rank:
            return (rank > self.beyond.rank) == self.rank_descending
        if month is None:
            return False
        begin, end = month_bounds(month)
        moment = self.beyond.moment
        return begin > moment if self.time_descending else end <= moment
