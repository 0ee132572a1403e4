"""A list as one statement: the exact total and the page, both of one snapshot.

The total is a sum of counts, or a count of the narrow rows where the filter is none that is counted
(`orders.lists`). The page is found in one of three ways, and its orders are read by their ids.

- *Walk*: along an index in the order of the list, past the orders that the filter leaves out.
  By state or by rank it goes along one part of the index for each, and passes none of the others.
- *Few*: a list of at most `FEW` orders is read whole and sorted: a walk to them may be long.
- *Orders*: numbers and times of change are in `orders` alone; what they leave is sorted.

The text depends on which filters there are, and not on their values: there are few texts.
"""

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString, NamedTuple, cast

from psycopg import sql

from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import OrderState
from axon_factory.orders.lists.conditions import COUNTED, condition, is_of_orders, values_of
from axon_factory.orders.lists.ordering import Ordering
from axon_factory.orders.lists.query import ListQuery

__all__ = ["DEEP", "FEW", "FEW_UNINDEXED", "PLANNED", "ListStatement", "rows_of", "statement_of"]

FEW = 10_000
"""Reading so many narrow rows by an index takes about 10 ms."""
DEEP = 1_000
"""Beyond this offset a list by words or tags is read whole: a walk looks at each row it skips."""
FEW_UNINDEXED = 1_000
"""Without an index all narrow rows are read: 0.2 s of a million, and a walk to 1,000 is shorter."""
PLANNED = (
    "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off;"
    " SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '64MB'"
)
"""What a transaction sets before a statement that `needs_plan`."""

_STATES = tuple(state.value for state in OrderState)
_CHANGES = ("updated_from", "updated_before")
_IN_ORDER = {
    "created_at": frozenset({"states", "created_from", "created_before"}),
    "updated_at": frozenset({"states"}),
    "prioridad": frozenset({"ranks"}),
}
"""Filters that make no walk longer, by order."""
_INDEXED = frozenset(
    {"states", "ranks", "clients", "tags", "words", "created_from", "created_before"}
)
_LONG = frozenset({"tags", "words"})

_LIST = sql.SQL(
    "WITH listed AS MATERIALIZED (SELECT ({total})::bigint AS total),"
    " page AS (SELECT prioridad_rank, {time} AS moment, id AS key, {columns} FROM orders"
    " WHERE id = ANY (ARRAY({chosen})))"
    " SELECT listed.total, page.* FROM listed LEFT JOIN page ON true ORDER BY {order}"
)
_SUMMED = sql.SQL(
    "SELECT coalesce(sum(orders), 0) FROM ("
    "SELECT * FROM order_counts WHERE key = ANY (%(keys)s) AND {condition}"
    " UNION ALL SELECT * FROM order_count_changes WHERE key = ANY (%(keys)s) AND {condition}"
    ") AS counted"
)
_COUNTED = sql.SQL("SELECT count(*) FROM {table} WHERE {condition}")
_SORTED = sql.SQL("SELECT id FROM {source} WHERE {gate} AND {beyond} ORDER BY {order} LIMIT {rows}")
_BRANCH = sql.SQL("SELECT id, prioridad_rank, {time} FROM {table} WHERE {condition}")
# PostgreSQL must not take the order of an index for these: it would walk. (OFFSET 0 is a fence.)
_WHOLE = sql.SQL("({branch} OFFSET 0) AS few")
_WHOLE_UPDATED = sql.SQL(
    "(SELECT id, prioridad_rank, updated_at FROM orders WHERE id = ANY (ARRAY("
    "SELECT id FROM listed_orders WHERE {condition})) OFFSET 0) AS few"
)
_WHOLE_JOINED = sql.SQL(
    "(SELECT id, prioridad_rank, updated_at FROM orders WHERE id IN ("
    "SELECT id FROM listed_orders WHERE {condition}) OFFSET 0) AS few"
)
# With a limit of its own each part is read along its index, whatever is known of the values.
_PART = sql.SQL("({branch} AND {beyond} ORDER BY {order} LIMIT {enough})")
# An Append reads its parts in turn and stops as soon as the page is full.
_RANKED = sql.SQL("SELECT id FROM ({parts}) AS ranked WHERE {gate} LIMIT {rows}")
_NONE = sql.SQL("SELECT NULL::uuid LIMIT 0")


class ListStatement(NamedTuple):
    """A statement of a list. `needs_plan`: which plan is quick depends on the values."""

    text: LiteralString
    values: dict[str, Any]
    needs_plan: bool


def statement_of(query: ListQuery, principal: Principal, words: str | None) -> ListStatement:
    """Return the statement of a list, for one row more than its page has.

    Its rows are `total, prioridad_rank, moment, id` and the fields. An empty page is a row whose id
    is None. `words` is what `words_query` made of `q`.
    """
    values = values_of(query, principal, words)
    if "states" not in values and not values.keys().isdisjoint(_CHANGES):
        values["states"] = list(_STATES)  # the index of changes begins with the state
    ordering = Ordering.of(query)
    parts = _Parts(values, ordering, query.limit + 1, query.offset)
    kind = (
        *values,
        query.fields,
        ordering.order_by_key,
        None if ordering.beyond is None else ordering.beyond.rank,
        *(len(values.get(name, ())) for name in ("states", "tags", "clients")),
        tuple(values.get("ranks", ())),
        query.limit,
        query.offset > 0,
        query.offset > DEEP,
    )
    text = _texts.get(kind)
    if text is None:
        if len(_texts) >= _MOST_TEXTS:
            _texts.clear()
        text = _texts[kind] = _LIST.format(
            total=parts.total(),
            time=sql.Identifier(ordering.column),
            columns=sql.SQL(", ").join(map(sql.Identifier, query.fields)),
            chosen=parts.chosen(),
            order=ordering.order_by("moment", "key"),
        ).as_string(None)
    place = {"skipped": query.offset, "enough": query.offset + query.limit + 1}
    states = {f"state_{n}": value for n, value in enumerate(values.get("states", _STATES))}
    filled = {**values, **states, **place, **ordering.cursor_values(), "keys": parts.keys()}
    return ListStatement(cast("LiteralString", text), filled, parts.needs_plan)


_texts: dict[tuple[object, ...], str] = {}
_MOST_TEXTS = 512


class _Parts:
    def __init__(self, values: dict[str, Any], ordering: Ordering, rows: int, offset: int) -> None:
        self._values = values
        self._ordering = ordering
        self._of_orders = is_of_orders(values)
        self._sort = "prioridad" if ordering.by_rank else ordering.column
        self._rows = sql.SQL("{}{}").format(rows, sql.SQL(" OFFSET %(skipped)s" if offset else ""))
        self._is_deep = offset > DEEP and not _LONG.isdisjoint(values)
        self._enough = sql.SQL("%(enough)s") if offset else sql.Literal(rows)

    @property
    def needs_plan(self) -> bool:
        return bool(self._values.keys() - _IN_ORDER[self._sort])

    def keys(self) -> list[str] | None:
        """Return the keys whose counts add up to the total, if there are such."""
        values = self._values
        if values.keys() - COUNTED.keys() - {"tags", "clients"}:
            return None
        tags = set(values.get("tags", ()))
        if len(tags) > 1 or (tags and "clients" in values):
            return None
        if tags:
            return [f"g:{tag}" for tag in tags]
        if "clients" in values:
            return [f"c:{client}" for client in dict.fromkeys(values["clients"])]
        return [""]

    def total(self) -> sql.Composable:
        if self.keys() is None:
            return _COUNTED.format(
                table=self._table(),
                condition=condition(self._values, of_orders=self._of_orders),
            )
        return _SUMMED.format(condition=condition(name for name in self._values if name in COUNTED))

    def chosen(self) -> sql.Composable:
        """Return the query of the page's ids."""
        if self._of_orders:
            branch = self._branch("orders", self._values)
            return self._sorted(sql.SQL("({}) AS found").format(branch), sql.SQL("true"))
        if not self.needs_plan:
            return self._walk(sql.SQL("true"))
        if self._is_deep:
            return self._sorted(self._whole(), sql.SQL("true"))
        gate = sql.SQL("(SELECT total FROM listed) {} {}")
        most = FEW_UNINDEXED if _INDEXED.isdisjoint(self._values) else FEW
        few = self._sorted(self._whole(), gate.format(sql.SQL("<="), most))
        many = self._walk(gate.format(sql.SQL(">"), most))
        return sql.SQL("({}) UNION ALL ({})").format(few, many)

    def _whole(self) -> sql.Composable:
        if self._sort == "updated_at":
            template = _WHOLE_JOINED if self._is_deep else _WHOLE_UPDATED
            return template.format(condition=condition(self._values))
        return _WHOLE.format(branch=self._branch("listed_orders", self._values))

    def _walk(self, gate: sql.Composable) -> sql.Composable:
        if self._sort == "prioridad":
            return self._ranked(gate)
        by_state = self._sort == "updated_at" or "states" in self._values
        table = "orders" if self._sort == "updated_at" else "listed_orders"
        others = [name for name in self._values if name != "states"]
        branches = [self._branch(table, others)]
        if by_state:
            branches = [
                sql.SQL("{} AND estado = {}").format(branches[0], sql.Placeholder(f"state_{place}"))
                for place in range(len(self._values.get("states", _STATES)))
            ]
        if not branches:
            return _NONE
        ordering = self._ordering
        parts = [self._part(one, ordering.is_beyond(), ordering.order_by()) for one in branches]
        source = sql.SQL("({}) AS walked").format(sql.SQL(" UNION ALL ").join(parts))
        return self._sorted(source, gate)

    def _ranked(self, gate: sql.Composable) -> sql.Composable:
        others = [name for name in self._values if name != "ranks"]
        ordering = self._ordering
        parts = [
            self._part(
                sql.SQL("{} AND prioridad_rank = {}").format(
                    self._branch("listed_orders", others), rank
                ),
                ordering.is_beyond(rank),
                ordering.time_order(),
            )
            for rank in ordering.ranks(self._values.get("ranks"))
        ]
        if not parts:
            return _NONE
        return _RANKED.format(parts=sql.SQL(" UNION ALL ").join(parts), gate=gate, rows=self._rows)

    def _part(
        self, branch: sql.Composable, beyond: sql.Composable, order: sql.Composable
    ) -> sql.Composable:
        return _PART.format(branch=branch, beyond=beyond, order=order, enough=self._enough)

    def _branch(self, table: str, names: Iterable[str]) -> sql.Composable:
        return _BRANCH.format(
            time=sql.Identifier(self._ordering.column),
            table=sql.Identifier(table),
            condition=condition(names, of_orders=table == "orders"),
        )

    def _sorted(self, source: sql.Composable, gate: sql.Composable) -> sql.Composable:
        return _SORTED.format(
            source=source,
            gate=gate,
            beyond=self._ordering.is_beyond(),
            order=self._ordering.order_by(),
            rows=self._rows,
        )

    def _table(self) -> sql.Identifier:
        return sql.Identifier("orders" if self._of_orders else "listed_orders")


def rows_of(found: Sequence[tuple[Any, ...]]) -> tuple[int, Sequence[tuple[Any, ...]]]:
    """Return the total and the page's rows of what a statement gave."""
    return found[0][0], [row[1:] for row in found if row[_KEY] is not None]


_KEY = 3
