"""`python -m benchmarks [line|lists|writes|waiting] [--json]`: measure on databases of its own."""

import asyncio
import json
import logging
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from axon_factory.bootstrap import Container
from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.migrate import migrate
from axon_factory.settings import load_settings
from benchmarks.line import Stage, measure_line
from benchmarks.lists.cases import Case, cases
from benchmarks.lists.measure import Cost, measure_lists
from benchmarks.lists.report import show_costs, show_writes
from benchmarks.lists.writes import Write, measure_writes
from benchmarks.waiting import Idle, measure_waiting, measured_how

_out = Console()


def main(
    what: Annotated[str, typer.Argument(help="line, lists, writes or waiting")] = "line",
    *,
    orders: Annotated[
        int, typer.Option(min=10_000, max=2_000_000, help="Orders of the large lists.")
    ] = 1_000_000,
    waiting: Annotated[int, typer.Option(min=1, help="Orders that wait for approval.")] = 2_000,
    seconds: Annotated[
        float, typer.Option(min=5, help="How long the idle worker is watched.")
    ] = 30,
    turns: Annotated[int, typer.Option(min=3, help="How often each list is asked for.")] = 20,
    only: Annotated[
        str, typer.Option(help="Measure only the lists whose filter or order contains this.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for scripts.")] = False,
) -> None:
    """Measure the line, lists at two sizes, what they cost a write, or an idle worker.

    Only ratios compare.

    `lists` takes half an hour with a million orders, and 5 GB in the folder for temporary files.
    """
    if what not in {"line", "lists", "writes", "waiting"}:
        raise typer.BadParameter("one of: line, lists, writes, waiting")
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(
        wrapper_class=quiet, logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    if what == "lists":
        chosen = cases(only)
        if not chosen:
            raise typer.BadParameter("no list's filter or order contains this", param_hint="--only")
        costs = asyncio.run(_measure_lists(chosen, orders, turns))
        show_costs(costs, orders, as_json=as_json)
        return
    if what == "writes":
        show_writes(asyncio.run(_measure_writes(turns)), as_json=as_json)
        return
    if what == "waiting":
        _show_idle(
            asyncio.run(_measure_waiting([0, waiting, 0, waiting], seconds)), as_json=as_json
        )
        return
    stages = asyncio.run(_measure_line())
    if as_json:
        sys.stdout.write(json.dumps([asdict(s) for s in stages], ensure_ascii=False) + "\n")
        return
    _out.print(_stages(stages))


async def _measure_lists(chosen: list[Case], orders: int, turns: int) -> list[Cost]:
    with tempfile.TemporaryDirectory(prefix="axon-bench-") as folder:
        data_dir = Path(folder)
        async with EmbeddedPostgres(data_dir) as server:
            with Progress(console=Console(stderr=True)) as progress:
                return await measure_lists(server.dsn, data_dir, chosen, orders, turns, progress)


async def _measure_writes(turns: int) -> list[Write]:
    with tempfile.TemporaryDirectory(prefix="axon-bench-") as folder:
        data_dir = Path(folder)
        async with EmbeddedPostgres(data_dir) as server:
            return await measure_writes(server.dsn, data_dir, turns)


async def _measure_waiting(numbers: list[int], seconds: float) -> list[Idle]:
    with (
        tempfile.TemporaryDirectory(prefix="axon-bench-") as folder,
        Progress(console=Console(stderr=True)) as progress,
    ):
        return await measure_waiting(Path(folder), numbers, seconds, progress)


def _show_idle(windows: list[Idle], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps([asdict(window) for window in windows]) + "\n")
        return
    table = Table(
        *("Waiting", "s", "worker CPU %", "PostgreSQL CPU %", "tx/s", "jobs", "jobs made"),
        title="An idle worker beside orders that wait for approval",
    )
    for window in windows:
        table.add_row(*(str(value) for value in asdict(window).values()))
    _out.print(table)
    _out.print(measured_how(), markup=False, highlight=False)


async def _measure_line() -> list[Stage]:
    with tempfile.TemporaryDirectory(prefix="axon-bench-") as folder:
        data_dir = Path(folder)
        async with EmbeddedPostgres(data_dir) as server:
            await migrate(server.dsn)
            container = Container(load_settings(data_dir=data_dir), server.dsn)
            with Progress(console=Console(stderr=True)) as progress:
                stages = await measure_line(container, progress)
            await container.close()
    return stages


def _stages(stages: list[Stage]) -> Table:
    table = Table("Seconds", "Until", title="One order")
    for stage in stages:
        table.add_row(f"{stage.seconds:.2f}", stage.message)
    table.add_row(f"{sum(stage.seconds for stage in stages):.2f}", "in all")
    return table


if __name__ == "__main__":
    typer.run(main)
