"""`python -m benchmarks.compare`: requests a second and a CPU-second, beside peers, in one run."""

import asyncio
import json
import logging
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import psycopg
import structlog
import typer
from rich.console import Console
from rich.table import Table

from axon_factory.bootstrap import Container
from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.migrate import migrate
from axon_factory.settings import load_settings
from benchmarks.compare.contenders import ROOT, Contender, Served, factory, peers, served
from benchmarks.compare.data import fill_factory, fill_peers, template_of
from benchmarks.compare.load import OPERATIONS
from benchmarks.compare.measure import Sample, check_answers, measure

_CONNECTIONS = 32
_OURS = "axon"
_MEASURE = "fastify"
"""The peer that ratios are taken of."""
_out = Console()
_progress = Console(stderr=True)


def main(
    *,
    quick: Annotated[bool, typer.Option(help="Two short rounds: a minute instead of ten.")] = False,
    only: Annotated[str, typer.Option(help="Operations, separated by commas.")] = ",".join(
        OPERATIONS
    ),
    contenders: Annotated[
        str, typer.Option(help="Peers, separated by commas.")
    ] = "fastify,litestar,design",
    before: Annotated[
        Path | None, typer.Option(help="Another checkout of the factory, with its environment.")
    ] = None,
    orders: Annotated[int, typer.Option(min=1000, help="Orders in each database.")] = 20_000,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for scripts.")] = False,
) -> None:
    """Measure the API beside its peers. Ratios within a round are comparable, figures are not."""
    unknown = set(only.split(",")) - OPERATIONS.keys()
    if unknown:
        raise typer.BadParameter(f"one of: {', '.join(OPERATIONS)}", param_hint="--only")
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(
        wrapper_class=quiet, logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    rounds, seconds = (2, 2.0) if quick else (4, 3.0)
    samples = asyncio.run(
        _measured(only.split(","), contenders.split(","), before, orders, rounds, seconds)
    )
    if as_json:
        sys.stdout.write(json.dumps([asdict(sample) for sample in samples]) + "\n")
        return
    _out.print(_table(samples))


async def _measured(
    operations: Sequence[str],
    names: Sequence[str],
    before: Path | None,
    orders: int,
    rounds: int,
    seconds: float,
) -> list[Sample]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="axon-compare-")))
        server = await stack.enter_async_context(EmbeddedPostgres(folder))
        _progress.print("Filling the databases")
        chosen = await _contenders(server.dsn, folder, names, before, orders)
        running: list[Served] = []
        for contender in chosen:
            running.append(await stack.enter_async_context(served(contender)))
            await check_answers(running[-1], orders)
        pid = int((folder / "postgresql" / "postmaster.pid").read_text().split("\n", 1)[0])
        return await measure(
            running,
            operations,
            rounds=rounds,
            seconds=seconds,
            connections=_CONNECTIONS,
            orders=orders,
            database_pid=pid,
            tell=_progress.print,
        )


async def _contenders(
    url: str, folder: Path, names: Sequence[str], before: Path | None, orders: int
) -> list[Contender]:
    checkouts = {_OURS: ROOT} | ({"before": before} if before else {})
    found: list[Contender] = []
    template: dict[str, object] = {}
    for name, checkout in checkouts.items():
        own = await _database(url, f"factory_{name}")
        # Of an older build, too: the newest schema serves it.
        await migrate(own)
        container = Container(load_settings(data_dir=folder / name), own)
        key = await fill_factory(container, orders)
        template = await template_of(container)
        await container.close()
        found.append(factory(name, checkout.absolute(), own, folder / name, key))
    chosen = [peer for peer in peers(await _database(url, "peers")) if peer.name in names]
    for peer in chosen:
        own = await _database(url, f"peer_{peer.name}")
        await fill_peers(own, template, orders)
        command = [own if part.startswith("postgresql://") else part for part in peer.command]
        found.append(Contender(peer.name, command, peer.folder))
    return found


async def _database(url: str, name: str) -> str:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(f'CREATE DATABASE "{name}"')
    return f"{url.rpartition('/')[0]}/{name}"


def _table(samples: Sequence[Sample]) -> Table:
    """Return medians of the rounds, and of the ratios within each round with their extremes."""
    table = Table(
        *("Operation", "Contender", "requests/s", "server CPU µs", "PostgreSQL CPU µs"),
        *("a CPU-s / Fastify", "throughput / Fastify", "with PostgreSQL / Fastify"),
        title=f"{_CONNECTIONS} connections, one server process each; medians (least to most)",
    )
    by_key = {(one.operation, one.contender, one.round): one for one in samples}
    rounds = sorted({one.round for one in samples})
    for operation in dict.fromkeys(one.operation for one in samples):
        for name in dict.fromkeys(one.contender for one in samples):
            mine = [by_key[operation, name, number] for number in rounds]
            peer = [by_key.get((operation, _MEASURE, number)) for number in rounds]
            pairs = [(one, other) for one, other in zip(mine, peer, strict=True) if other]
            table.add_row(
                operation,
                name,
                f"{statistics.median(one.requests / one.seconds for one in mine):.0f}",
                f"{statistics.median(_micro(one.server_seconds, one) for one in mine):.0f}",
                f"{statistics.median(_micro(one.database_seconds, one) for one in mine):.0f}",
                _spread([_server(one) / _server(other) for one, other in pairs]),
                _spread([_rate(one) / _rate(other) for one, other in pairs]),
                _spread([_all(one) / _all(other) for one, other in pairs]),
            )
    return table


def _micro(seconds: float, sample: Sample) -> float:
    return 1e6 * seconds / sample.requests


def _server(sample: Sample) -> float:
    return sample.requests / max(sample.server_seconds, 0.01)


def _rate(sample: Sample) -> float:
    return sample.requests / sample.seconds


def _all(sample: Sample) -> float:
    return sample.requests / max(sample.server_seconds + sample.database_seconds, 0.01)


def _spread(ratios: Sequence[float]) -> str:
    if not ratios:
        return ""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    typer.run(main)
