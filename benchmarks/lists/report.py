"""The table of what lists cost, and whether it is within what was promised."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from benchmarks.lists.measure import Cost

__all__ = ["LARGEST_P99_MS", "LARGEST_RATIO", "show_costs"]

LARGEST_P99_MS = 50.0
LARGEST_RATIO = 5.0


def show_costs(costs: Sequence[Cost], orders: int, *, as_json: bool) -> None:
    """Write the costs, each with its ratio, and the worst of them."""
    if as_json:
        rows = [asdict(cost) | {"ratio": cost.ratio} for cost in costs]
        sys.stdout.write(json.dumps({"orders": orders, "lists": rows}, ensure_ascii=False) + "\n")
        return
    out = Console(width=120)
    out.print(_table(costs, orders))
    slow = [cost for cost in costs if cost.p99_ms > LARGEST_P99_MS]
    steep = [cost for cost in costs if cost.ratio > LARGEST_RATIO]
    out.print(f"{len(costs)} lists; p99 over {LARGEST_P99_MS:.0f} ms: {len(slow)}; ", end="")
    out.print(f"over {LARGEST_RATIO:.0f} times as slow as with 1000 orders: {len(steep)}")
    out.print(f"worst p99 {max(cost.p99_ms for cost in costs)} ms, ", end="")
    out.print(f"worst ratio {max(cost.ratio for cost in costs)}")


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
