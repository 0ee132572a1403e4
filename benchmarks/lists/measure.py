"""What each list costs at two sizes: through the function, and through the API over HTTP.

Method: two databases on one server, a thousand orders and many; one connection; each list is asked
for at one size right after the other, in turns, so that a slow moment of the machine meets both.
Pages of 50: the first, the second by its cursor, and one by a cursor far inside the list. The first
two turns only warm up. Times include authentication over HTTP, and everything else that a caller
waits for. Only ratios say something about the code on a machine that others use too.
"""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import psycopg
from psycopg import sql
from rich.progress import Progress

from axon_factory.bootstrap import Container
from axon_factory.db.migrate import migrate
from axon_factory.domain.permissions import KeyScope
from axon_factory.settings import load_settings
from benchmarks.lists.cases import Case
from benchmarks.lists.generator import fill
from benchmarks.served import served

__all__ = ["Cost", "measure_lists"]

_SMALL = 1000
_WARM_UP = 2
_FAR = 40


@dataclass(frozen=True, slots=True)
class Cost:
    """One list and kind of page: times in milliseconds at the small and at the large size."""

    filter: str
    order: str
    page: str
    promised_ms: float
    total: int
    small_p50_ms: float
    small_p99_ms: float
    p50_ms: float
    p99_ms: float

    @property
    def ratio(self) -> float:
        """How much slower the middle answer is with many orders."""
        return round(self.p50_ms / self.small_p50_ms, 2)


async def measure_lists(
    server_url: str,
    data_dir: Path,
    asked: Sequence[Case],
    orders: int,
    turns: int,
    progress: Progress,
) -> list[Cost]:
    """Fill both databases and measure each list that is asked for in `turns` turns."""
    urls = [await _filled(server_url, size, progress) for size in (_SMALL, orders)]
    keys = [await _key(url, data_dir) for url in urls]
    async with (
        served(urls[0], data_dir, port=18097) as small,
        served(urls[1], data_dir, port=18098) as large,
        _client(small, keys[0]) as small_client,
        _client(large, keys[1]) as large_client,
    ):
        task = progress.add_task("Lists over HTTP", total=len(asked))
        costs: list[Cost] = []
        for case in asked:
            costs += await _costs(case, (small_client, large_client), turns)
            progress.advance(task)
        return costs


async def _filled(server_url: str, orders: int, progress: Progress) -> str:
    task = progress.add_task(f"{orders} orders", total=None)
    name = f"lists_{orders}"
    async with await psycopg.AsyncConnection.connect(server_url, autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        await connection.execute(statement)
    url = f"{server_url.rpartition('/')[0]}/{name}"
    await migrate(url)
    await fill(url, orders)
    progress.update(task, total=1, completed=1)
    return url


async def _key(url: str, data_dir: Path) -> str:
    container = Container(load_settings(data_dir=data_dir), url)
    try:
        async with container.database.transaction("benchmark") as session:
            key = await container.api_keys.create(
                session, name="medición", scope=KeyScope.LECTURA, created_by="benchmark"
            )
    finally:
        await container.close()
    return key.plaintext


def _client(base_url: str, key: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=base_url, headers={"X-API-Key": key}, timeout=60)


async def _costs(
    case: Case, clients: tuple[httpx2.AsyncClient, httpx2.AsyncClient], turns: int
) -> list[Cost]:
    pages = [await _pages(case, client) for client in clients]
    costs: list[Cost] = []
    for page in pages[1]:
        # A short list has no page far inside: its first one stands for it.
        queries = [of_size.get(page, of_size["first"]) for of_size in pages]
        times: list[list[float]] = [[], []]
        total = 0
        for turn in range(turns + _WARM_UP):
            for place, (client, query) in enumerate(zip(clients, queries, strict=True)):
                seconds, document = await _timed(lambda c=client, q=query: c.get(q))
                total = document["total"]
                if turn >= _WARM_UP:
                    times[place].append(1000 * seconds)
        (small, small_worst), (large, large_worst) = map(_middle_and_worst, times)
        costs.append(
            Cost(
                *(case.name, case.order, page, case.promised_ms, total),
                *(small, small_worst, large, large_worst),
            )
        )
    return costs


async def _pages(case: Case, client: httpx2.AsyncClient) -> Mapping[str, str]:
    """Return the queries of the pages that the list has."""
    first = "/api/orders?" + urlencode(case.parameters, doseq=True)
    pages = {"first": first}
    document = (await client.get(first)).raise_for_status().json()
    if document["next"]:
        pages["second"] = f"{first}&cursor={document['next']}"
    if document["total"] > 4 * _FAR:
        half = document["total"] // 2
        far = (await client.get(f"{first}&offset={half}")).raise_for_status().json()
        pages["far"] = f"{first}&cursor={far['next']}"
    return pages


async def _timed(get: Callable[[], Awaitable[httpx2.Response]]) -> tuple[float, Mapping[str, Any]]:
    started = time.perf_counter()
    answer = await get()
    seconds = time.perf_counter() - started
    return seconds, answer.raise_for_status().json()


def _middle_and_worst(times: list[float]) -> tuple[float, float]:
    return (
        round(statistics.median(times), 1),
        round(statistics.quantiles(times, n=100, method="inclusive")[98], 1),
    )
