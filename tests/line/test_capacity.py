"""Places for building: the limit is never passed, nobody is forgotten, nobody is polled for."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest
from ledger import Fault
from rig import Rig, approve, cancel, patch

from axon_factory.domain.building import BuildLimits, Priority
from axon_factory.orders.policy import ApprovalRules
from axon_factory.orders.runs.capacity import place_in_queue
from axon_factory.worker.maintenance import sweep
from tests.support.ports import example_ports

ONE = BuildLimits(altogether=1)
_FIVE_CLIENTS = """
    UPDATE orders SET datos_cliente = jsonb_set(datos_cliente, '{email}',
        to_jsonb('c' || position % 5 || '@example.com'))
"""
_TAKEN = """
    SELECT o.tipo_producto AS type, o.datos_cliente ->> 'email' AS client
    FROM order_sessions s JOIN orders o ON o.id = s.order_id WHERE s.ended_at IS NULL
"""
TYPES = ("webhook_service", "autopilot_ventas")


async def _approved(rig: Rig, **order: object) -> UUID:
    if not order:
        return await rig.reach("construccion")
    order_id = await rig.place(**order)  # pyright: ignore[reportArgumentType] — what `place` takes
    await rig.drive(order_id)
    await rig.change(order_id, approve)
    return order_id


async def _jobless(rig: Rig) -> None:
    """Leave no job behind, and no message that asks for one."""
    await rig.execute("DELETE FROM procrastinate_jobs")
    await rig.execute("UPDATE outbox_messages SET sent_at = now()")


async def test_an_order_without_a_place_waits_without_a_job(rig: Rig) -> None:
    rig = rig.with_policy(limits=ONE)
    first, second = await _approved(rig), await _approved(rig)
    line = rig.line()
    await _jobless(rig)
    await line.advance(first)
    for _ in range(3):
        assert await line.advance(second) is None

    await _jobless(rig)
    waiting = await rig.order(second)
    assert (waiting.session_open, waiting.queued_at is None) == (False, False)
    kinds = [event.kind for event in await rig.events(second)]
    assert kinds.count("construccion.en_cola") == 1
    assert await sweep(rig.database, rig.policy) == 1  # the one that is built
    assert await rig.jobs(second) == []
    async with rig.database.reading() as session:
        assert await place_in_queue(session, waiting, waiting.updated_at) == 1


@pytest.mark.parametrize("way", ["finish", "cancel", "lose", "report"])
async def test_whoever_frees_a_place_wakes_the_next(rig: Rig, way: str) -> None:
    rig = rig.with_policy(limits=ONE)
    first, second = await _approved(rig), await _approved(rig)
    line = rig.line()
    await line.advance(first)
    await line.advance(second)
    await _jobless(rig)
    if way == "lose":
        rig.ledger.script(Fault("builder.proceed", "lost"))
        await line.advance(first)
    else:
        if way != "finish":
            await rig.change(
                first,
                {"cancel": cancel, "report": patch(estado="qa")}[way],
            )
            assert await rig.jobs(second) == []  # it still has a session
        while not await rig.jobs(second):
            assert await line.advance(first) is not None

    assert [job.status for job in await rig.jobs(second)] == ["todo"]
    await line.advance(second)
    waited = await rig.order(second)
    assert (waited.session_open, waited.queued_at) == (True, None)


async def test_the_sweep_wakes_who_waits_for_a_place_that_is_free(rig: Rig) -> None:
    """Limits that were raised, or a job that was lost."""
    strict = rig.with_policy(limits=ONE)
    orders = [await _approved(strict) for _ in range(3)]
    for order_id in orders:
        await strict.line().advance(order_id)
    await _jobless(rig)

    assert await sweep(rig.database, strict.policy) == 1
    assert len(await rig.jobs()) == 1
    await sweep(rig.database, rig.policy)  # no limit
    assert len(await rig.jobs()) == 3


async def test_a_newcomer_does_not_overtake_who_waits(rig: Rig) -> None:
    rig = rig.with_policy(limits=ONE)
    first, second = await _approved(rig), await _approved(rig)
    line = rig.line()
    await line.advance(first)
    await line.advance(second)
    newcomer = await _approved(rig)
    await rig.change(first, cancel)
    await rig.drive(first)

    assert await line.advance(newcomer) is None
    urgent = await _approved(rig, priority=Priority.URGENTE)
    assert (await line.advance(urgent)) is not None  # but an urgent one does


@pytest.mark.races
@pytest.mark.timeout(300)
async def test_the_limits_hold_for_workers_that_end_and_everybody_is_served(rig: Rig) -> None:
    orders = 40
    limits = BuildLimits(altogether=3, per_client=2, by_type={TYPES[0]: 1, TYPES[1]: 2})
    # The example's plan is one of a bot, which the planner's rules warn of for these types.
    trusting = ApprovalRules(auto_types=frozenset(TYPES), auto_flagged=True)
    rig = replace(rig, ports=example_ports(rig.ports.secret_box))
    rig = rig.with_policy(limits=limits, approval=trusting, retry_delay=timedelta(0))
    chance = random.Random(4)  # noqa: S311 — the order of a test
    for number in range(orders):
        await rig.place(product=TYPES[number % 2], priority=chance.choice(list(Priority)))
    await rig.execute(_FIVE_CLIENTS)
    seen = _Seen()
    watching = asyncio.create_task(seen.watch(rig))
    running = [asyncio.create_task(_live_and_die(rig, chance)) for _ in range(3)]
    try:
        async with asyncio.timeout(240):
            while await _left(rig):  # noqa: ASYNC110 — rows of a database
                await asyncio.sleep(0.1)
    finally:
        for task in (*running, watching):
            task.cancel()
        await asyncio.gather(*running, watching, return_exceptions=True)

    assert seen.altogether == limits.altogether  # never more, and the places were used
    assert all(seen.types[name] <= limits.by_type[name] for name in TYPES)
    assert max(seen.clients.values()) <= limits.per_client
    told = await rig.rows(
        "SELECT count(*) AS times FROM order_events "
        "WHERE kind = 'construccion.en_cola' GROUP BY order_id"
    )
    assert {row.times for row in told} == {1}
    # A job a step, and a few to wake: whoever waits is not looked at again and again.
    (jobs,) = await rig.rows("SELECT last_value FROM procrastinate_jobs_id_seq")
    assert jobs.last_value < 20 * orders


async def _left(rig: Rig) -> int:
    (row,) = await rig.rows("SELECT count(*) AS n FROM orders WHERE estado <> 'entregado'")
    return row.n


async def _live_and_die(rig: Rig, chance: random.Random) -> None:
    """Run workers that are ended in the middle of what they do, one after the other."""
    while True:
        stop = asyncio.Event()
        worker = rig.worker(concurrency=3, polling_seconds=0.3, graceful_seconds=0.0)
        life = asyncio.create_task(worker.run(stop))
        try:
            await asyncio.sleep(chance.uniform(1.0, 3.0))
        finally:
            stop.set()
            await asyncio.wait({life})


@dataclass
class _Seen:
    """The most places that were ever taken together, as others see them."""

    altogether: int = 0
    types: Counter[str] = field(default_factory=Counter[str])
    clients: Counter[str] = field(default_factory=Counter[str])

    async def watch(self, rig: Rig) -> None:
        while True:
            rows = await rig.rows(_TAKEN)
            self.altogether = max(self.altogether, len(rows))
            self.types |= Counter(row.type for row in rows)
            self.clients |= Counter(row.client for row in rows)
            await asyncio.sleep(0.01)
