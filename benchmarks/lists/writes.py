"""What lists cost a write: CPU of PostgreSQL with and without what they keep up.

Method: two databases of 20,000 orders on one server. One of them is without tables, triggers and
indexes of lists, but for one index by state and one by creation. One connection each writes 32
orders a statement, the databases in turns, so that a slow moment of the machine meets both. The CPU
is that of the connection's own process (Linux: `schedstat`). What the worker needs to fold is not
in it.
"""

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from axon_factory.bootstrap import Container
from axon_factory.db.migrate import migrate
from axon_factory.settings import load_settings
from benchmarks.compare.data import fill_factory

__all__ = ["Write", "measure_writes"]

_ORDERS = 20_000
_AT_ONCE = 32
_BATCHES = 40
_WITHOUT = """
DROP TRIGGER orders_list_new ON orders;
DROP TRIGGER orders_list_deleted ON orders;
DROP TRIGGER orders_list_changed ON orders;
DROP TABLE listed_orders, order_counts, order_count_changes;
DROP INDEX orders_updated_idx;
CREATE INDEX ON orders (estado, created_at);
CREATE INDEX ON orders (created_at, id);
"""
_SEVERAL = "SELECT id FROM orders WHERE estado IN ('construccion', 'qa')"
_PLACE = """
INSERT INTO orders ({columns}) SELECT {values} FROM (SELECT * FROM orders LIMIT 32) AS original
"""
_FRESH = {
    "id": "gen_random_uuid()",
    "order_number": "'ORD-2026-' || nextval('placed')",
    "slug": "'p-' || currval('placed')",
    "created_at": "clock_timestamp()",
    "updated_at": "clock_timestamp()",
    "estado": "'nuevo'",
    "progreso": "0",
    "tags": "ARRAY['retail', 'whatsapp']",
    "cliente_id": "'cliente-' || currval('placed') % 100",
    "nombre_producto": "nombre_producto || ' ' || left(md5(currval('placed')::text), 6)",
}
_REPORT = """
UPDATE orders SET progreso = 1 + (progreso + 1) % 50, updated_at = clock_timestamp(),
    version = version + 1 WHERE id = ANY ($1)
"""
_MOVE = """
UPDATE orders SET estado = CASE estado WHEN 'qa' THEN 'construccion' ELSE 'qa' END, progreso = 50,
    updated_at = clock_timestamp(), version = version + 1 WHERE id = ANY ($1)
"""
_COLUMNS = """
SELECT attname FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0
    AND NOT attisdropped AND attgenerated = ''
"""
_Connection = psycopg.Connection[tuple[str]]


@dataclass(frozen=True, slots=True)
class Write:
    """One kind of write, in microseconds of CPU for each order."""

    what: str
    without_us: float
    with_us: float

    @property
    def ratio(self) -> float:
        """How much more it costs with lists."""
        return round(self.with_us / self.without_us, 2)


async def measure_writes(server_url: str, data_dir: Path, turns: int) -> list[Write]:
    """Fill both databases and measure each kind of write in `turns` turns."""
    base = server_url.rpartition("/")[0]
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE writes_with")
        await migrate(f"{base}/writes_with")
        container = Container(load_settings(data_dir=data_dir), f"{base}/writes_with")
        await fill_factory(container, _ORDERS)
        await container.close()
        connection.execute("CREATE DATABASE writes_without TEMPLATE writes_with")
    kinds: dict[str, Callable[[_Connection, list[str]], None]] = {
        "an order is placed": lambda c, _: _run(c, "EXECUTE place"),
        "progress is reported": lambda c, ids: _run(c, "EXECUTE report (%s)", ids),
        "the state changes": lambda c, ids: _run(c, "EXECUTE move (%s)", ids),
    }
    with (
        psycopg.connect(f"{base}/writes_without", autocommit=True) as without,
        psycopg.connect(f"{base}/writes_with", autocommit=True) as with_lists,
    ):
        without.execute(_WITHOUT)
        for connection in (without, with_lists):
            _prepare(connection)
        ids = [row[0] for row in without.execute(_SEVERAL)]
        spent: dict[tuple[str, bool], list[float]] = {}
        for turn in range(turns):
            both = [(without, False), (with_lists, True)]
            for connection, has_lists in both if turn % 2 else reversed(both):
                for what, write in kinds.items():
                    spent.setdefault((what, has_lists), []).append(
                        _cost(connection, lambda c, w=write: w(c, random.sample(ids, _AT_ONCE)))
                    )
        return [
            Write(what, _middle(spent[what, False]), _middle(spent[what, True])) for what in kinds
        ]


def _prepare(connection: _Connection) -> None:
    columns = [name for (name,) in connection.execute(_COLUMNS)]
    values = ", ".join(_FRESH.get(name, name) for name in columns)
    connection.execute("VACUUM ANALYZE orders")
    connection.execute("SET synchronous_commit = off")
    connection.execute("CREATE SEQUENCE placed START 100000")
    place = _PLACE.format(columns=", ".join(columns), values=values)
    connection.execute(f"PREPARE place AS {place}".encode())
    connection.execute(f"PREPARE report AS {_REPORT}".encode())
    connection.execute(f"PREPARE move AS {_MOVE}".encode())


def _run(connection: _Connection, statement: str, ids: list[str] | None = None) -> None:
    literal = "" if ids is None else ", ".join(f"'{one}'" for one in ids)
    connection.execute((statement.replace("%s", f"ARRAY[{literal}]::uuid[]")).encode())


def _cost(connection: _Connection, write: Callable[[_Connection], None]) -> float:
    before = _cpu_seconds(connection)
    for _ in range(_BATCHES):
        write(connection)
    return 1e6 * (_cpu_seconds(connection) - before) / (_BATCHES * _AT_ONCE)


def _cpu_seconds(connection: _Connection) -> float:
    schedule = Path("/proc", str(connection.info.backend_pid), "schedstat")
    return int(schedule.read_text().split()[0]) / 1e9


def _middle(values: list[float]) -> float:
    return round(statistics.median(values), 1)
