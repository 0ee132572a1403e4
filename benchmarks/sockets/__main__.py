"""`python -m benchmarks.sockets`: the two goals of `/ws/orders`, on a PostgreSQL of its own.

Each reader is a socket with an API key of its own. Updates are committed by another process than
the server, each in a transaction of its own, at even distances. The time of an update runs from the
moment at which its commit has returned until its message has reached a reader.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from axon_factory.bootstrap import Container
from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.migrate import migrate
from axon_factory.domain.permissions import KeyScope
from axon_factory.orders.events import CHANNEL
from axon_factory.settings import load_settings
from benchmarks.compare.contenders import ROOT, factory, served
from benchmarks.compare.data import fill_factory, order_id
from benchmarks.compare.measure import tree_seconds

_out = Console()
_MOST_LINE = 2**28
_UPDATE = """
    WITH raised AS (
        UPDATE orders SET event_seq = event_seq + 1, version = version + 1, updated_at = now()
        WHERE id = %(order)s RETURNING id, event_seq
    ), told AS (SELECT pg_notify(%(channel)s, id::text) FROM raised)
    INSERT INTO order_events (order_id, seq, kind, tipo, agente, mensaje, metadata,
        visibilidad, intento, actor, occurred_at, received_at)
    SELECT id, event_seq, 'agente.registro', 'info', 'Builder Agent', %(message)s, '{}',
        'cliente', 1, 'token:medicion', now(), now()
    FROM raised LEFT JOIN told ON true
"""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached."""

    name: str
    sockets: int
    rate: int
    own: bool
    """Each socket follows an order of its own; else each follows all orders."""
    most_ms: float


GOALS = (
    Goal("own order", 5_000, 400, own=True, most_ms=25),
    Goal("everything", 500, 100, own=False, most_ms=100),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What was reached."""

    goal: str
    sockets: int
    updates: int
    rate: float
    deliveries: int
    missing: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    goal_ms: float
    connect_seconds: float
    kilobytes_a_socket: float
    server_cpu: float
    database_cpu: float
    readers_cpu: float


def main(
    *,
    seconds: Annotated[float, typer.Option(min=2, help="How long updates come.")] = 20,
    scale: Annotated[float, typer.Option(min=0.01, help="Part of the sockets to open.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for scripts.")] = False,
) -> None:
    """Measure how fast sockets are told."""
    results = uvloop.run(_measure(seconds, scale))
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in results]) + "\n")
        return
    table = Table("", *(one.goal for one in results), title="/ws/orders")
    rows = [asdict(one) for one in results]
    for name in rows[0]:
        if name != "goal":
            table.add_row(name, *(f"{row[name]:.6g}" for row in rows))
    _out.print(table)


async def _measure(seconds: float, scale: float) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="axon-sockets-") as folder:
        data_dir = Path(folder)
        async with EmbeddedPostgres(data_dir) as server:
            await migrate(server.dsn)
            settings = load_settings(data_dir=data_dir)
            container = Container(settings, server.dsn)
            most = max(int(goal.sockets * scale) for goal in GOALS)
            key = await fill_factory(container, most)
            keys = await _keys(container, most)
            await container.close()
            api = factory("axon", ROOT, server.dsn, data_dir, key)
            pid = int((data_dir / "postgresql" / "postmaster.pid").read_text().split()[0])
            return [
                await _reach(goal, api, keys, pid, seconds, scale, server.dsn) for goal in GOALS
            ]


async def _keys(container: Container, number: int) -> list[str]:
    async with container.database.transaction("benchmark") as session:
        made = [
            await container.api_keys.create(
                session, name=f"lector {n}", scope=KeyScope.LECTURA, created_by="benchmark"
            )
            for n in range(number)
        ]
    return [one.plaintext for one in made]


async def _reach(
    goal: Goal,
    api: Any,  # noqa: ANN401 — a contender
    keys: Sequence[str],
    database_pid: int,
    seconds: float,
    scale: float,
    url: str,
) -> Result:
    sockets = int(goal.sockets * scale)
    readers: list[list[dict[str, Any]]] = [
        [
            {"type": "auth", "token": keys[n]},
            {"type": "subscribe", "order_id": str(order_id(n + 1))}
            if goal.own
            else {"type": "subscribe", "filtros": {}},
        ]
        for n in range(sockets)
    ]
    async with served(api) as running:
        memory = _memory(running.pid)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.sockets.readers"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_MOST_LINE,
        )
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the readers have no pipes")
        stdin.write(json.dumps({"port": running.port, "readers": readers}).encode() + b"\n")
        begun = json.loads(await stdout.readline())
        await asyncio.sleep(3)
        taken = _memory(running.pid) - memory
        before = tree_seconds(running.pid), tree_seconds(database_pid)
        started = time.monotonic()
        committed = await _write(url, goal, sockets, seconds)
        await asyncio.sleep(1)
        lasted = time.monotonic() - started
        cpu = tree_seconds(running.pid) - before[0], tree_seconds(database_pid) - before[1]
        stdin.write(b"\n")
        ended = json.loads(await stdout.readline())
        await process.wait()
    each = 1 if goal.own else sockets
    times = sorted((at - committed[mark]) * 1000 for mark, at in ended["came"])
    return Result(
        goal.name,
        sockets,
        len(committed),
        len(committed) / (lasted - 1),
        len(times),
        len(committed) * each - len(times),
        times[len(times) // 2],
        times[int(len(times) * 0.99)],
        times[-1],
        goal.most_ms,
        begun["seconds"],
        taken / sockets,
        cpu[0] / lasted,
        cpu[1] / lasted,
        ended["cpu"] / lasted,
    )


async def _write(url: str, goal: Goal, orders: int, seconds: float) -> dict[int, float]:
    """Commit updates at an even rate on four connections; return when each was committed."""
    committed: dict[int, float] = {}
    number = int(goal.rate * seconds)
    started = time.monotonic() + 0.1

    async def write(first: int) -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            connection.prepare_threshold = 0
            for mark in range(first, number, 4):
                await asyncio.sleep(max(0.0, started + mark / goal.rate - time.monotonic()))
                asked = {
                    "order": order_id(mark * 7 % orders + 1),
                    "channel": CHANNEL,
                    "message": f"marca-{mark}",
                }
                await connection.execute(_UPDATE, asked)
                committed[mark] = time.monotonic()

    await asyncio.gather(*(write(first) for first in range(4)))
    return committed


def _memory(pid: int) -> int:
    """Return the resident memory of a process in kilobytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


if __name__ == "__main__":
    typer.run(main)
