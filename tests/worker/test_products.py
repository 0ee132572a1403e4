"""The watch over products: one incident, told once when it opens and once when it is over."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from rig import Rig, cancel
from sqlalchemy import text

from axon_factory.db.sessions import Database
from axon_factory.domain.product_watch import (
    ProductAction,
    ProductSighting,
    ProductTrouble,
    RunState,
)
from axon_factory.orders.incidents import ProductsSeen, note_products, read_products_down
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import HostSilent
from axon_factory.worker.products import ProductWatch

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(hours=1)
T = ProductTrouble


@dataclass
class Host:
    """Products that are as the test says."""

    products: dict[str, ProductSighting]
    machine: str = "m1"
    well: bool = True
    silent: bool = False
    done: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    revivals: int = 0
    watchers: int = 0

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[bool]:
        self.watchers += 1
        yield self.watchers == 1
        self.watchers -= 1

    async def look(self) -> Mapping[str, ProductSighting]:
        if self.silent:
            raise HostSilent
        return dict(self.products)

    async def healthy(self, slugs: Collection[str]) -> Mapping[str, bool]:
        return dict.fromkeys(slugs, self.well)

    async def revive(self) -> None:
        self.revivals += 1
        if self.revivals == 1:
            raise PortError("no", cause=None)  # pyright: ignore[reportArgumentType] — not read
        self.silent = False
        self.set(RunState.RUNNING, "nuevo")

    async def act(self, slug: str, action: ProductAction) -> None:
        self.done.append((slug, action.value))

    def set(self, state: RunState, run: str | None = None) -> None:
        self.products = dict.fromkeys(self.products, ProductSighting(state, run))


@pytest.fixture
async def delivered(rig: Rig) -> UUID:
    """An order whose product runs, without the line's steps that bring it there."""
    order_id = await rig.place()
    await rig.execute(
        "UPDATE orders SET estado = 'listo', progreso = 100, deployment_open = true, "
        "deploy_url = 'http://127.0.0.1:1'"
    )
    return order_id


async def note(rig: Rig, trouble: ProductTrouble | None, *, at: float = 0.0, **facts: Any) -> None:  # noqa: ANN401 — see ProductsSeen
    """Have a machine say how the only product is, `at` seconds from now."""
    slugs = [row.slug for row in await rig.rows("SELECT slug FROM orders")]
    products = dict.fromkeys(slugs, trouble)
    said = {"machine": "m1", "slugs": frozenset(slugs), "products": products, **facts}
    seen = ProductsSeen(watched_since=LONG_AGO, **said)
    async with rig.database.transaction("test") as session:
        await note_products(session, seen, rig.policy, NOW + timedelta(seconds=at))


async def told(rig: Rig) -> list[str]:
    rows = await rig.rows(
        "SELECT subject FROM outbox_messages WHERE dedupe_key LIKE '%incidente:%' "
        "ORDER BY created_at, id"
    )
    return [row.subject.partition(": ")[2] for row in rows]


async def incidents(rig: Rig) -> list[tuple[str, bool]]:
    rows = await rig.rows("SELECT kind, closed_at FROM product_incidents ORDER BY id")
    return [(row.kind, row.closed_at is not None) for row in rows]


async def down(rig: Rig, *, at: float = 0.0) -> tuple[list[str], int]:
    async with rig.database.reading() as session:
        found = await read_products_down(session, NOW + timedelta(seconds=at))
    return [one.trouble.value for one in found.down], found.unwatched


async def test_an_incident_is_told_once_when_it_opens_and_once_when_it_is_over(
    rig: Rig, delivered: UUID
) -> None:
    before = len(await rig.events(delivered))
    for at in range(3):
        await note(rig, T.CAIDO, at=at)
        assert await down(rig) == (["caido"], 0)
    for at in range(70, 73):
        await note(rig, None, at=at)
        assert await down(rig, at=at) == ([], 0)
    assert await incidents(rig) == [("caido", True)]
    assert await told(rig) == ["sin marchar", "en marcha de nuevo"]
    fallen, risen = (await rig.events(delivered))[before:]
    assert (fallen.kind, risen.kind) == ("entrega.producto_caido", "entrega.producto_recuperado")
    assert {fallen.visibilidad, risen.visibilidad} == {"interno"}
    assert risen.mensaje.endswith("tras 70 s")
    await note(rig, T.CAIDO, at=90)
    assert len(await told(rig)) == 3  # another incident is told anew


async def test_one_that_turns_out_worse_is_told_again(rig: Rig, delivered: UUID) -> None:
    for trouble in (T.SUPERVISOR, T.CAIDO, T.BUCLE, T.BUCLE, T.CAIDO):
        await note(rig, trouble)
    assert await incidents(rig) == [("bucle", False)]
    assert await told(rig) == ["sin marchar", "sin marchar"]
    last = (await rig.events(delivered))[-1]
    assert "termina una y otra vez" in last.mensaje


async def test_a_product_that_shall_not_run_any_more_has_no_incident(
    rig: Rig, delivered: UUID
) -> None:
    await note(rig, T.CAIDO)
    await rig.execute("UPDATE orders SET deployment_open = false")
    await note(rig, T.CAIDO)
    assert await incidents(rig) == [("caido", True)]
    await note(rig, T.CAIDO)
    assert await told(rig) == ["sin marchar"]


async def test_a_product_of_no_machine_is_missed(rig: Rig, delivered: UUID) -> None:
    assert await down(rig) == ([], 1)
    await note(rig, None)
    assert await down(rig, at=59) == ([], 0)
    assert await down(rig, at=61) == ([], 1)
    other = {"machine": "m2", "slugs": frozenset[str](), "products": {}}
    await note(rig, None, at=50, **other)
    assert await incidents(rig) == []
    await note(rig, None, at=61, **other)
    assert await incidents(rig) == [("sin_maquina", False)]
    await note(rig, None, at=90)
    assert await incidents(rig) == [("sin_maquina", True)]


async def test_an_order_that_somebody_works_on_is_noted_later(rig: Rig, delivered: UUID) -> None:
    async with rig.database.transaction("test") as session:
        await session.execute(text("SELECT FROM orders FOR UPDATE"))
        async with asyncio.timeout(4):
            await note(rig, T.CAIDO)
        assert await incidents(rig) == []
    await note(rig, T.CAIDO)
    assert await incidents(rig) == [("caido", False)]


async def test_the_watch_brings_products_back_and_says_so(rig: Rig, delivered: UUID) -> None:
    slug = (await rig.order(delivered)).slug
    host = Host({slug: ProductSighting(RunState.RUNNING, "a")})
    watch = ProductWatch(rig.database, host, rig.policy, seconds=0.01)
    await watch.look()
    assert await down(rig) == ([], 0)
    host.set(RunState.ORPHANED)
    await watch.look()
    assert await down(rig) == (["supervisor"], 0)
    async with asyncio.timeout(10):
        while host.revivals < 2:  # the first fails
            await watch.look()
    await watch.look()
    assert await incidents(rig) == [("supervisor", True)]
    host.set(RunState.STOPPED)
    await watch.look()
    await asyncio.sleep(0)
    assert host.done == [(slug, "start")]
    host.silent = True
    async with asyncio.timeout(10):
        while host.revivals < 3:  # each revival waits longer than the one before
            await watch.look()
    assert host.silent is False
    assert await told(rig) == ["sin marchar", "en marcha de nuevo", "sin marchar"]


async def test_products_come_back_while_the_database_is_away() -> None:
    away = Database("postgresql://axon:x@127.0.0.1:1/axon")
    host = Host({"uno": ProductSighting(RunState.ORPHANED)})
    policy: Any = None  # nothing is told
    watch = ProductWatch(away, host, policy, seconds=0.01)
    stop = asyncio.Event()
    running = asyncio.create_task(watch.run(stop))
    try:
        async with asyncio.timeout(20):
            while host.revivals < 2:  # noqa: ASYNC110 — another task's doing
                await asyncio.sleep(0.01)
        assert not running.done()
    finally:
        stop.set()
        await running
        await away.dispose()


async def test_a_withdrawn_product_is_no_trouble(rig: Rig) -> None:
    order_id = await rig.place()
    await note(rig, T.CAIDO)  # not deployed yet
    await rig.change(order_id, cancel)
    await note(rig, T.CAIDO)
    assert await incidents(rig) == []
