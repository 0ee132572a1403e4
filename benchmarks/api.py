"""Requests a second of the real API over loopback, each as a ratio to /health in the same run.

Method: one `axon serve` process on the given database, 16 connections from this process, rounds of
each operation interleaved so that a slow moment of the machine meets all of them; medians of the
rounds. Only the ratios say something about the code: client and server share the machine's cores.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

import httpx2
from rich.progress import Progress

from axon_factory.bootstrap import Container
from axon_factory.domain.permissions import KeyScope
from benchmarks.served import served

__all__ = ["Rate", "measure_api"]

_CONNECTIONS = 16
_ROUNDS = 5
_REQUESTS_A_ROUND = 200
_ORDER = {
    "tipo_producto": "autopilot_whatsapp",
    "nombre_producto": "Bot de medición",
    "datos_cliente": {"nombre": "Empresa XYZ S.A.", "email": "contacto@empresa.com"},
    "tags": ["medicion"],
}


@dataclass(frozen=True, slots=True)
class Rate:
    """One operation: median requests a second, latencies in milliseconds, ratio to /health."""

    operation: str
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    ratio_to_health: float


async def measure_api(container: Container, database_url: str, progress: Progress) -> list[Rate]:
    """Measure every operation on a fresh database."""
    async with container.database.transaction("benchmark") as session:
        key = await container.api_keys.create(
            session, name="medición", scope=KeyScope.ADMIN, created_by="benchmark"
        )
    async with served(database_url, container.data_dir) as base_url:
        limits = httpx2.Limits(max_connections=_CONNECTIONS)
        async with httpx2.AsyncClient(
            base_url=base_url, headers={"X-API-Key": key.plaintext}, limits=limits, timeout=30
        ) as client:
            return await _measure(client, progress)


async def _measure(client: httpx2.AsyncClient, progress: Progress) -> list[Rate]:
    placed = (await client.post("/api/orders", json=_ORDER)).raise_for_status().json()["id"]
    numbers = count()

    async def patch() -> httpx2.Response:
        entry = {"mensaje": f"avance {next(numbers)}"}
        return await client.patch(f"/api/orders/{placed}", json={"logs": [entry]})

    operations: dict[str, Callable[[], Awaitable[httpx2.Response]]] = {
        "GET /health": lambda: client.get("/health"),
        "GET /api/orders/{id}": lambda: client.get(f"/api/orders/{placed}"),
        "GET /api/orders?limit=20": lambda: client.get("/api/orders?limit=20"),
        "POST /api/orders": lambda: client.post("/api/orders", json=_ORDER),
        "PATCH /api/orders/{id} (one order)": patch,
    }
    rates: dict[str, list[float]] = {name: [] for name in operations}
    times: dict[str, list[float]] = {name: [] for name in operations}
    task = progress.add_task("API", total=_ROUNDS * len(operations))
    for _ in range(_ROUNDS):
        for name, operation in operations.items():
            rate, latencies = await _round(operation)
            rates[name].append(rate)
            times[name] += latencies
            progress.advance(task)
    baseline = statistics.median(rates["GET /health"])
    return [
        Rate(
            operation=name,
            requests_per_second=round(statistics.median(rates[name]), 1),
            p50_ms=round(statistics.median(times[name]), 1),
            p99_ms=round(statistics.quantiles(times[name], n=100)[98], 1),
            ratio_to_health=round(statistics.median(rates[name]) / baseline, 3),
        )
        for name in operations
    ]


async def _round(
    operation: Callable[[], Awaitable[httpx2.Response]],
) -> tuple[float, list[float]]:
    left = iter(range(_REQUESTS_A_ROUND))
    latencies: list[float] = []

    async def worker() -> None:
        for _ in left:
            started = time.perf_counter()
            (await operation()).raise_for_status()
            latencies.append((time.perf_counter() - started) * 1000)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(worker())
    return _REQUESTS_A_ROUND / (time.perf_counter() - started), latencies
