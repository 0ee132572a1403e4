"""The tables of what lists cost, and whether it is within what was promised."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from benchmarks.lists.measure import Cost
from benchmarks.lists.writes import Write

__all__ = ["show_costs", "show_writes"]


def show_costs(costs: Sequence[Cost], orders: int, *, as_json: bool) -> None:
    """Write the costs, each with its ratio, and the worst of them."""
    if as_json:
        rows = [asdict(cost) | {"ratio": cost.ratio} for cost in costs]
        sys.stdout.write(json.dumps({"orders": orders, "lists": rows}, ensure_ascii=False) + "\n")
        return
    out = Console(width=120)
    out.print(_table(costs, orders))
    slow = [cost for cost in costs if cost.p99_ms > cost.promised_ms]
    out.print(f"{len(costs)} lists; p99 over what is promised: {len(slow)}")
    for promised in sorted({cost.promised_ms for cost in costs}):
        p99 = [cost.p99_ms for cost in costs if cost.promised_ms == promised]
        out.print(f"promised {promised:.0f} ms: {len(p99)} lists, worst p99 {max(p99)} ms")


def show_writes(writes: Sequence[Write], *, as_json: bool) -> None:
    """Write what lists cost each kind of write."""
    if as_json:
        rows = [asdict(write) | {"ratio": write.ratio} for write in writes]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")
        return
    table = Table("Write", title="CPU of PostgreSQL for one order, in microseconds")
    for heading in ("Without lists", "With", "More", "Ratio"):
        table.add_column(heading, justify="right")
    for write in writes:
        more = f"{write.with_us - write.without_us:.1f}"
        figures = (f"{write.without_us:.1f}", f"{write.with_us:.1f}", more, f"{write.ratio:.2f}")
        table.add_row(write.what, *figures)
    Console(width=120).print(table)


def _table(costs: Sequence[Cost], orders: int) -> Table:
    title = f"GET /api/orders with 1000 and with {orders} orders: p50 / p99 in ms"
    table = Table("Filter", "Order", "Page", title=title)
    for heading in ("Total", "1000", str(orders), "p50 ratio"):
        table.add_column(heading, justify="right")
    for cost in costs:
        table.add_row(
            cost.filter,
            cost.order,
            cost.page,
            str(cost.total),
            f"{cost.small_p50_ms:.1f} / {cost.small_p99_ms:.1f}",
            f"{cost.p50_ms:.1f} / {cost.p99_ms:.1f}",
            f"{cost.ratio:.2f}",
        )
    return table
