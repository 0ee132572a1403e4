"""Worker and API processes that die or share: as users run them, over ledger ports."""

import asyncio
import signal
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from crash_rig import Host, Scene, scene
from ledger import Entry, Fault
from rig import ADMIN

from axon_factory.domain.permissions import KeyScope
from axon_factory.orders.create import create_order
from axon_factory.orders.requests import ClientData, NewOrder

_BODY = {
    "tipo_producto": "webhook_service",
    "nombre_producto": "Webhooks XYZ",
    "datos_cliente": {"nombre": "Empresa XYZ", "email": "xyz@example.com"},
}
_SENT = "SELECT 1 FROM outbox_messages WHERE sent_at IS NOT NULL AND event = 'plan.pendiente'"
_API_CROSSINGS = {
    "commit:create:before#1": 0,
    "commit:create:after#1": 1,
    "response:before#1": 1,
    "response:after#1": 1,
}
"""Where the API may die while it creates an order, and how many orders there are then."""


async def test_another_worker_finishes_what_a_killed_one_began(
    host: Host, postgres_url: str, template_database: str, tmp_path: Path
) -> None:
    async with scene(postgres_url, template_database, tmp_path / "scene") as stage:
        stage.ledger.script(Fault("builder.proceed", "hang", match="backend_api"))
        await stage.place()
        victim = await host.run("worker", stage)
        rest = asyncio.create_task(stage.to_rest(seconds=60))
        await stage.ledger.until(lambda ledger: ledger.entries("fault"))
        other = await host.run("worker", stage)

        assert await host.stop(victim) == -signal.SIGKILL
        await rest
        await host.stop(other)

        life = await stage.life()
        assert (life.state, life.problems) == ("entregado", ())


async def test_two_workers_share_ten_orders_and_no_step_runs_twice_at_once(
    host: Host, postgres_url: str, template_database: str, tmp_path: Path
) -> None:
    async with scene(postgres_url, template_database, tmp_path / "scene") as stage:
        stage.ledger.script(Fault("planner.make_plan", "slow", times=None, seconds=0.05))
        await _place_many(stage, 10)
        workers = [await host.run("worker", stage), await host.run("worker", stage)]
        async with asyncio.timeout(90):
            while len(await stage.rows(_SENT)) < 10:  # noqa: ASYNC110 — rows of a database
                await asyncio.sleep(0.1)
        for worker in workers:
            assert await host.stop(worker, by=signal.SIGTERM) == 0

    entries = stage.ledger.entries()
    assert {entry.process for entry in entries} == {worker.pid for worker in workers}
    assert len(stage.ledger.effects("planner.make_plan")) == 10
    assert len(stage.ledger.entries("start", "planner.make_plan")) == 10
    for of_one_order in _by_order(entries).values():
        kinds = [entry.what for entry in of_one_order if entry.what in {"start", "end"}]
        assert kinds == ["start", "end"] * (len(kinds) // 2), "two steps of an order overlapped"


@pytest.mark.parametrize("is_batch", [False, True])
@pytest.mark.parametrize("crossing", _API_CROSSINGS)
async def test_an_order_exists_once_exactly_if_it_was_committed(
    host: Host,
    postgres_url: str,
    template_database: str,
    tmp_path: Path,
    crossing: str,
    *,
    is_batch: bool,
) -> None:
    async with scene(postgres_url, template_database, tmp_path / "scene") as stage:
        victim = await host.run("api", stage, kill=crossing)
        answered = await _post(stage, victim.port, is_batch=is_batch)
        assert await asyncio.wait_for(victim.ended, 30) == -signal.SIGKILL

        orders = await stage.rows("SELECT id FROM orders")
        assert len(orders) == _API_CROSSINGS[crossing]
        assert answered <= len(orders), "a 201 without an order"
        jobs = await stage.rows("SELECT 1 FROM procrastinate_jobs WHERE task_name = 'advance'")
        assert len(jobs) == len(orders)
        if crossing == "commit:create:after#1":
            stage.order_id = orders[0].id
            worker = await host.run("worker", stage)
            await stage.to_rest(seconds=60)
            await host.stop(worker)


async def test_the_api_crosses_what_its_crash_test_knows(
    host: Host, postgres_url: str, template_database: str, tmp_path: Path
) -> None:
    async with scene(postgres_url, template_database, tmp_path / "scene") as stage:
        log = tmp_path / "scene" / "crossings.log"
        api = await host.run("api", stage, log=log)
        assert await _post(stage, api.port) == 1
        async with asyncio.timeout(10):
            while "response:after#1" not in (crossed := _lines(log)):  # noqa: ASYNC110 — a file
                await asyncio.sleep(0.02)
        await host.stop(api)

    edge = ("commit:auth", "commit:rate_limit")
    known = [item for item in crossed if not item.startswith(edge)]
    assert known == list(_API_CROSSINGS)


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").split()


async def _post(stage: Scene, port: int | None, *, is_batch: bool = False) -> int:
    """Create an order over HTTP; return 1 for an answer of 201, 0 for none at all.

    Without `is_batch` it has a header field that batches leave to the application.
    """
    container = stage.container()
    async with stage.database.transaction("test") as session:
        key = await container.api_keys.create(
            session, name="ventas", scope=KeyScope.ESCRITURA, created_by="test"
        )
    await container.close()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        try:
            version = {} if is_batch else {"Axon-Version": "2025-11-14"}
            headers = {"X-API-Key": key.plaintext, **version}
            answer = await client.post("/api/orders", json=_BODY, headers=headers)
        except httpx2.TransportError:
            return 0
    assert answer.status_code == 201, answer.text
    return 1


async def _place_many(stage: Scene, count: int) -> None:
    container = stage.container()
    request = NewOrder(
        tipo_producto="webhook_service",
        nombre_producto="Bot de prueba",
        datos_cliente=ClientData(nombre="Empresa XYZ", email="xyz@example.com"),
    )
    for _ in range(count):
        async with stage.database.transaction("test") as session:
            await create_order(session, request, ADMIN, container.policy, datetime.now(UTC))
    await container.close()


def _by_order(entries: list[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: entry.at):
        if entry.place != "mailer.send":
            found[entry.key.partition(":")[0]].append(entry)
    return found
