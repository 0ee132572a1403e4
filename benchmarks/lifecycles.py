"""What a life of an order costs with ports that answer at once, beside bare jobs of Procrastinate.

Method: one PostgreSQL with fsync on and one database; one process a contender, which places orders
and then runs one worker until no job waits. Contenders take turns, in another order each round.
Processor time of the worker is its process's, that of PostgreSQL its processes', from /proc. The
chain is Procrastinate alone: each of its orders is as many jobs as the line has steps, and each job
enqueues the next and does nothing else.
"""

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.migrate import migrate
from benchmarks.processes import cumulative_seconds

__all__ = ["STEPS", "Lifecycles", "measure_lifecycles"]

STEPS = 16
"""Steps of the example order's life with a builder that completes all milestones at once."""
_PROGRAM = Path(__file__).with_name("noop_line.py")
_WARMING = 5
_JOBS = "SELECT last_value FROM procrastinate_jobs_id_seq"
_COUNTS = """
    SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Lifecycles:
    """One round of one contender; figures are of one life of an order."""

    contender: str
    per_second: float
    worker_ms: float
    """Processor time of the worker."""
    postgres_ms: float
    """Processor time of all of PostgreSQL's processes."""
    statements: float
    """Statements that the worker has sent, without BEGIN and COMMIT."""
    commits: float
    jobs: float


async def measure_lifecycles(
    *,
    orders: int = 50,
    rounds: int = 3,
    concurrency: int = 2,
    others: Mapping[str, str] | None = None,
) -> list[Lifecycles]:
    """Measure this checkout and the chain; `others` has the Pythons of more checkouts by name."""
    programs = {"line": sys.executable, **(others or {}), "chain": sys.executable}
    with tempfile.TemporaryDirectory(prefix="axon-bench-") as folder:
        data_dir = Path(folder)
        async with EmbeddedPostgres(data_dir) as server:
            await migrate(server.dsn)
            async with AsyncExitStack() as stack:
                contenders = [
                    await stack.enter_async_context(
                        _contender(name, python, server.dsn, data_dir, concurrency)
                    )
                    for name, python in programs.items()
                ]
                for one in contenders:
                    await one.round(server.pid, _WARMING)
                found: list[Lifecycles] = []
                for turn in range(rounds):
                    for one in contenders if turn % 2 == 0 else reversed(contenders):
                        found.append(await one.round(server.pid, orders))  # noqa: PERF401 — one after the other
    return found


@dataclass(frozen=True, slots=True)
class _Contender:
    name: str
    dsn: str
    process: asyncio.subprocess.Process

    async def round(self, postmaster: int | None, orders: int) -> Lifecycles:
        """Have it bring that many orders to their end."""
        connection = await psycopg.AsyncConnection.connect(self.dsn, autocommit=True)
        async with connection:
            jobs = await _number(connection, _JOBS)
            await self._ask(f"place {orders}")
            commits = await _commits(connection)
            postgres = cumulative_seconds(postmaster)
            spent = await self._ask("work")
            postgres = cumulative_seconds(postmaster) - postgres
            return Lifecycles(
                contender=self.name,
                per_second=round(orders / spent["seconds"], 2),
                worker_ms=round(spent["cpu"] / orders * 1000, 1),
                postgres_ms=round(postgres / orders * 1000, 1),
                statements=round(spent["statements"] / orders, 1),
                commits=round((await _commits(connection) - commits) / orders, 1),
                jobs=round((await _number(connection, _JOBS) - jobs) / orders, 1),
            )

    async def _ask(self, words: str) -> dict[str, float]:
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the contender has no pipes")
        self.process.stdin.write(f"{words}\n".encode())
        answer = await asyncio.wait_for(self.process.stdout.readline(), 600)
        if not answer:
            raise RuntimeError(f"{self.name} ended with {await self.process.wait()}")
        return json.loads(answer)


@asynccontextmanager
async def _contender(
    name: str, python: str, dsn: str, folder: Path, concurrency: int
) -> AsyncGenerator[_Contender]:
    pipe = asyncio.subprocess.PIPE
    what = "chain" if name == "chain" else "factory"
    process = await asyncio.create_subprocess_exec(
        python,
        *(str(_PROGRAM), what, dsn, str(folder), str(concurrency), str(STEPS)),
        stdin=pipe,
        stdout=pipe,
    )
    try:
        yield _Contender(name, dsn, process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _number(connection: psycopg.AsyncConnection[tuple[int]], query: str) -> int:
    row = await (await connection.execute(query.encode())).fetchone()
    if row is None:
        raise RuntimeError("the query has no row")
    return row[0]


async def _commits(connection: psycopg.AsyncConnection[tuple[int]]) -> int:
    await asyncio.sleep(1.2)  # a server process reports its counts once a second
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    return await _number(connection, _COUNTS)


def summary(rounds: Sequence[Lifecycles]) -> list[dict[str, object]]:
    """Return the medians of each contender, and its ratio to the chain within each round."""
    names = list(dict.fromkeys(one.contender for one in rounds))
    of = {name: [one for one in rounds if one.contender == name] for name in names}
    return [
        {
            "contender": name,
            **{
                key: statistics.median(asdict(one)[key] for one in of[name])
                for key in asdict(of[name][0])
                if key != "contender"
            },
            "of_chain": [
                round(one.per_second / chain.per_second, 2)
                for one, chain in zip(of[name], of["chain"], strict=True)
            ],
        }
        for name in names
    ]


def main(
    *,
    orders: Annotated[int, typer.Option(min=1)] = 50,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    concurrency: Annotated[int, typer.Option(min=1)] = 2,
    beside: Annotated[str, typer.Option(help="NAME=PYTHON of another checkout.")] = "",
) -> None:
    """Measure lives of orders with ports that answer at once."""
    name, _, python = beside.partition("=")
    others = {name: python} if python else None
    found = asyncio.run(
        measure_lifecycles(orders=orders, rounds=rounds, concurrency=concurrency, others=others)
    )
    for line in summary(found):
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    typer.run(main)
