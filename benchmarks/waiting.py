"""What an idle worker costs while orders wait for approval, beside what it costs without any.

Method: a database of its own for each number, orders made and planned by the real line; then
`axon worker` as a process of its own, left alone until it works and for some seconds. After that
its processor time
and that of PostgreSQL's processes are read from /proc at both ends of a window, and transactions
from `pg_stat_database`. The measuring process asks nothing within the window.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from rich.progress import Progress
from sqlalchemy import text

from axon_factory.bootstrap import Container
from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.migrate import migrate
from axon_factory.settings import load_settings
from benchmarks.orders import make_planned_order

__all__ = ["Idle", "measure_waiting", "measured_how"]

_SETTLE_SECONDS = 15.0
_TICKS = os.sysconf("SC_CLK_TCK")
_COPY = text(
    """
    WITH original AS (SELECT o.* FROM orders o WHERE plan_estado = 'pendiente_aprobacion' LIMIT 1),
    copies AS (
        SELECT r.* FROM original CROSS JOIN generate_series(2, :orders) AS n
        CROSS JOIN LATERAL jsonb_populate_record(CAST(original AS orders), jsonb_build_object(
            'id', gen_random_uuid(), 'order_number', 'ORD-2001-' || lpad(n::text, 5, '0'),
            'slug', 'copia-' || n)) AS r
    )
    INSERT INTO orders ({columns}) SELECT {columns} FROM copies
    """
)
_COLUMNS = text(
    "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
    "WHERE table_schema = 'public' AND table_name = 'orders' "
    "AND is_generated = 'NEVER' AND is_identity = 'NO'"
)
_WORKERS = "SELECT count(*) FROM procrastinate_workers"
_JOBS = "SELECT count(*) FROM procrastinate_jobs"
_JOBS_EVER = "SELECT last_value FROM procrastinate_jobs_id_seq"
_TRANSACTIONS = """
    SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Idle:
    """One window. Shares are of one processor."""

    waiting: int
    seconds: float
    worker_percent: float
    postgres_percent: float
    transactions_per_second: float
    jobs_waiting: int
    jobs_made: int
    """Jobs that were enqueued within the window."""


def measured_how() -> str:
    """Return the method, for whoever reads the figures."""
    return (__doc__ or "").partition("Method: ")[2].strip()


async def measure_waiting(
    folder: Path, numbers: list[int], seconds: float, progress: Progress
) -> list[Idle]:
    """Measure for each number of waiting orders, one after the other."""
    task = progress.add_task("Órdenes en espera", total=len(numbers))
    measured: list[Idle] = []
    for turn, number in enumerate(numbers):
        data_dir = folder / str(turn)
        data_dir.mkdir()
        async with EmbeddedPostgres(data_dir) as server:
            await migrate(server.dsn)
            if number:
                await _make_waiting(server.dsn, data_dir, number)
            measured.append(await _watch(server, data_dir, number, seconds))
        progress.advance(task)
    return measured


async def _make_waiting(dsn: str, data_dir: Path, number: int) -> None:
    """Plan one order, and copy it: what waits is the same to the worker."""
    container = Container(load_settings(data_dir=data_dir), dsn)
    try:
        await make_planned_order(container, datetime.now(UTC))
        async with container.database.transaction("benchmark") as session:
            columns = await session.scalar(_COLUMNS)
            await session.execute(
                text(_COPY.text.replace("{columns}", columns or "")), {"orders": number}
            )
    finally:
        await container.close()


async def _watch(server: EmbeddedPostgres, data_dir: Path, number: int, seconds: float) -> Idle:
    connection = await psycopg.AsyncConnection.connect(server.dsn, autocommit=True)
    async with connection, _worker(server.dsn, data_dir) as pid:
        await _until_at_work(connection)
        await asyncio.sleep(_SETTLE_SECONDS)
        made, done = await _number(connection, _JOBS_EVER), await _transactions(connection)
        processes = _tree(server.pid)
        worker, postgres = _processor_seconds([pid]), _processor_seconds(processes)
        begin = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        took = asyncio.get_running_loop().time() - begin
        worker = _processor_seconds([pid]) - worker
        postgres = _processor_seconds(processes) - postgres
        done = await _transactions(connection) - done
        return Idle(
            waiting=number,
            seconds=round(took, 1),
            worker_percent=round(100 * worker / took, 2),
            postgres_percent=round(100 * postgres / took, 2),
            transactions_per_second=round(done / took, 2),
            jobs_waiting=await _number(connection, _JOBS),
            jobs_made=await _number(connection, _JOBS_EVER) - made,
        )


@asynccontextmanager
async def _worker(dsn: str, data_dir: Path) -> AsyncGenerator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "axon_factory", "worker"),
        env=os.environ | {"AXON_DATABASE_URL": dsn, "AXON_DATA_DIR": str(data_dir)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process.pid
        if process.returncode is not None:
            raise RuntimeError(f"the worker ended with {process.returncode}")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _until_at_work(connection: psycopg.AsyncConnection[tuple[int]]) -> None:
    async with asyncio.timeout(120):
        while not await _number(connection, _WORKERS):  # noqa: ASYNC110 — rows of a database
            await asyncio.sleep(1)


async def _number(connection: psycopg.AsyncConnection[tuple[int]], query: str) -> int:
    row = await (await connection.execute(query.encode())).fetchone()
    if row is None:
        raise RuntimeError("the query has no row")
    return row[0]


async def _transactions(connection: psycopg.AsyncConnection[tuple[int]]) -> int:
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    return await _number(connection, _TRANSACTIONS)


def _tree(pid: int | None) -> list[int]:
    """Return the server's process and all below it."""
    if pid is None:
        raise RuntimeError("the server does not run")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(below for child in children for below in _tree(int(child)))]


def _processor_seconds(processes: list[int]) -> float:
    """Return the processor time of these processes so far; one that has ended counts for none."""
    ticks = 0
    for pid in processes:
        try:
            fields = (
                Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            )
        except FileNotFoundError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS
