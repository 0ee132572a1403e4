"""The worker: wake-ups, the sweep, rescue, sharing, and a database that goes away."""

import asyncio
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from ledger import Fault, Ledger
from ledger_ports import ledger_ports
from rig import Rig, approve

from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.migrate import migrate
from axon_factory.db.sessions import Database
from axon_factory.orders.policy import ApprovalRules
from axon_factory.orders.transitions import wake
from axon_factory.worker.maintenance import rescue_stalled_jobs, sweep

_TRUSTING = frozenset({"webhook_service"})


def _waits(order: object) -> bool:
    return getattr(order, "plan_estado", None) == "pendiente_aprobacion"


async def test_each_step_wakes_the_next_without_polling(rig: Rig) -> None:
    """The worker of these tests polls every ten minutes: getting on any faster is being woken."""
    order_id = await rig.place()
    async with rig.working(maintenance_seconds=600.0, polling_seconds=600.0):
        await rig.until(order_id, _waits, seconds=60)
        await rig.change(order_id, approve)
        await rig.until(order_id, lambda order: order.estado == "entregado", seconds=60)


async def test_a_job_in_the_future_does_not_block_an_immediate_one(rig: Rig) -> None:
    rig = rig.with_policy(retry_delay=timedelta(hours=1))
    rig.ledger.script(Fault("builder.start", "transient"))
    order_id = await rig.reach("construccion")
    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.entries("error", "builder.start"))
        await rig.until(order_id, lambda order: order.event_seq >= 5)  # the retry is on record
        job = (await rig.jobs(order_id))[-1]
        assert job.scheduled_at > datetime.now(UTC)

        await rig.change(order_id, wake)
        await rig.until(order_id, lambda order: order.estado == "entregado")


async def test_the_sweep_finds_an_active_order_without_a_job(rig: Rig) -> None:
    order_id = await rig.place()
    await rig.execute("DELETE FROM procrastinate_jobs")
    async with rig.working():
        await rig.until(order_id, _waits)


@pytest.mark.parametrize("state", ["pendiente_aprobacion", "persona", "entregado"])
async def test_the_sweep_leaves_orders_that_wait_or_rest(rig: Rig, state: str) -> None:
    rig = rig.with_policy(max_reworks=0)
    if state == "persona":
        rig.ledger.script(Fault("council.run_check", "reject"))
    order_id = await rig.reach(
        {"pendiente_aprobacion": "planificacion", "persona": "qa", "entregado": "entregado"}[state]
    )
    await rig.drive(order_id)
    await rig.execute("DELETE FROM procrastinate_jobs")
    await rig.execute("UPDATE outbox_messages SET sent_at = now()")

    assert await sweep(rig.database, rig.policy) == 0
    assert await rig.jobs() == []


async def test_the_sweep_finds_a_failed_order_that_was_not_cleaned_up(rig: Rig) -> None:
    order_id = await rig.place()
    await rig.execute(
        "UPDATE orders SET estado = 'cancelado', cancelado_at = now(), deployment_open = true"
    )
    await rig.execute("DELETE FROM procrastinate_jobs")
    async with rig.working():
        await rig.until(order_id, lambda order: not order.deployment_open)
    assert len(rig.ledger.effects("deployer.undeploy")) == 1


async def test_a_job_is_given_back_once_by_any_number_of_rescuers(rig: Rig) -> None:
    await rig.place()
    await rig.execute(
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')"
    )
    await rig.execute(
        "UPDATE procrastinate_jobs SET status = 'doing', "
        "worker_id = (SELECT id FROM procrastinate_workers)"
    )

    rescued = await asyncio.gather(
        *(
            rescue_stalled_jobs(rig.database, stalled_after=5.0, longest_step=900.0)
            for _ in range(5)
        )
    )

    assert sorted(rescued) == [0, 0, 0, 0, 1]
    assert [job.status for job in await rig.jobs()] == ["todo"]


async def test_the_job_of_a_living_worker_is_left_alone(rig: Rig) -> None:
    rig.ledger.script(Fault("planner.make_plan", "slow", seconds=1.0))
    order_id = await rig.place()
    async with rig.working(heartbeat_seconds=0.05, stalled_after_seconds=0.5):
        await rig.until(order_id, _waits)

    assert len(rig.ledger.entries("start", "planner.make_plan")) == 1


async def test_a_job_whose_end_was_not_written_is_found(rig: Rig) -> None:
    """Its worker lives, so that no missed heartbeat tells of it."""
    rig.ledger.script(Fault("planner.make_plan", "slow", seconds=0.5))
    first = await rig.place()
    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.entries("start", "planner.make_plan"))
        second = await rig.place()
        await rig.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', "
            "worker_id = (SELECT id FROM procrastinate_workers) "
            "WHERE lock = :lock",
            lock=f"order:{second}",
        )
        await rig.until(first, _waits)
        await rig.until(second, _waits)


async def test_a_stopped_worker_leaves_nothing_half_done(rig: Rig) -> None:
    rig.ledger.script(Fault("planner.make_plan", "hang"))
    order_id = await rig.place()
    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.entries("start", "planner.make_plan"))
    assert rig.ledger.entries("cancelled", "planner.make_plan") != []

    async with rig.working(polling_seconds=0.2):
        await rig.until(order_id, _waits)


@pytest.mark.nightly
async def test_terminated_connections_do_not_stop_the_line(rig: Rig, postgres_url: str) -> None:
    rig = rig.with_policy(approval=ApprovalRules(auto_types=_TRUSTING))
    orders = [await rig.reach("construccion"), await rig.place()]
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    name = rig.database.url.rpartition("/")[2]
    async with rig.working(concurrency=2, polling_seconds=0.5):
        for place in ("planner.make_plan", "builder.proceed", "deployer.deploy"):
            await rig.ledger.until(lambda ledger, place=place: ledger.entries("start", place))
            async with await psycopg.AsyncConnection.connect(
                postgres_url, autocommit=True
            ) as other:
                await other.execute(kill, [name])
        for order_id in orders:
            await _until_delivered(rig, order_id)
    _each_effect_once(rig.ledger)


async def test_a_killed_postgresql_does_not_stop_the_line(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "pg") as server:
        await migrate(server.dsn)
        database, ledger = Database(server.dsn), Ledger(tmp_path / "ledger")
        async with ledger_ports(ledger, server.dsn) as ports:
            rig = Rig(database, ledger, ports, tmp_path / "products")
            rig.worker_options = {"maintenance_seconds": 0.2}
            rig = rig.with_policy(approval=ApprovalRules(auto_types=_TRUSTING))
            orders = [await rig.place()]
            async with rig.working(polling_seconds=0.5):
                await ledger.until(lambda ledger: ledger.entries("end", "builder.proceed"))
                assert server.pid is not None
                os.kill(server.pid, signal.SIGKILL)
                for order_id in orders:
                    await _until_delivered(rig, order_id)
        await database.dispose()
        assert server.restarts == 1
    _each_effect_once(ledger)


async def _until_delivered(rig: Rig, order_id: UUID, seconds: float = 60.0) -> None:
    """Wait for the order; the database may be away meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            order = await rig.order(order_id)
            if order.estado == "entregado":
                return
        except Exception as error:
            if time.monotonic() > deadline or isinstance(error, AssertionError):
                raise
        assert time.monotonic() < deadline, f"{await rig.order(order_id)} {await rig.jobs()}"
        await asyncio.sleep(0.1)


def _each_effect_once(ledger: Ledger) -> None:
    keys = [entry.key for entry in ledger.effects() if entry.place != "mailer.send"]
    assert len(keys) == len(set(keys))
