"""In which order a list is read.

Priority sorts by rank, and oldest first within a rank (resolutions 6); the times sort both ways.
Ties break by id.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from axon_factory.domain.building import Priority
from axon_factory.orders.lists.cursor import Cursor
from axon_factory.orders.lists.query import ListQuery

__all__ = ["Ordering"]

_RANKS = tuple(priority.rank for priority in Priority)


@dataclass(frozen=True, slots=True)
class Ordering:
    """The order of reading: that of the list, or its reverse for the page before a cursor."""

    column: str
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
            by_rank=by_rank,
            rank_descending=query.descending != backward,
            time_descending=(query.descending and not by_rank) != backward,
            beyond=query.cursor,
        )

    @property
    def order_by_key(self) -> tuple[str, bool, bool, bool]:
        """What `order_by` depends on."""
        return self.column, self.by_rank, self.rank_descending, self.time_descending

    def ranks(self, wanted: Collection[int] | None) -> Sequence[int]:
        """Return the ranks of priority that are still to come, in the order of reading."""
        left = [rank for rank in _RANKS if wanted is None or rank in wanted]
        if self.beyond is not None:
            at = self.beyond.rank
            left = [rank for rank in left if (rank <= at if self.rank_descending else rank >= at)]
        return sorted(left, reverse=self.rank_descending)

    def order_by(
        self, moment: str | None = None, key: str = "id", rank: str = "prioridad_rank"
    ) -> sql.Composable:
        """Return the list's ORDER BY, of columns with other names if they are given."""
        time = sql.SQL("DESC" if self.time_descending else "ASC")
        ranks = sql.SQL("DESC" if self.rank_descending else "ASC")
        column = sql.Identifier(moment or self.column)
        keys = sql.SQL("{} {}, {} {}").format(column, time, sql.Identifier(key), time)
        by_rank = sql.SQL("{} {}, {}").format(sql.Identifier(rank), ranks, keys)
        return by_rank if self.by_rank else keys

    def time_order(self) -> sql.Composable:
        """Return the ORDER BY of orders of one rank."""
        return replace(self, by_rank=False).order_by()

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
