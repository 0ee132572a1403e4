"""Trouble of the machine: an order waits for it, loses nothing by it, and goes on by itself."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from ledger import Fault
from rig import ADMIN, POLICY, Rig, approve, patch
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.failure import MachineTrouble, Trouble
from axon_factory.insights.line import read_line_health, read_line_status
from axon_factory.orders.change import Change
from axon_factory.orders.moves import retry_order
from axon_factory.worker.maintenance import sweep

PLACES = {
    "planner.make_plan": "no_room",
    "builder.start": "overloaded",
    "builder.proceed": "no_room",
    "git_host.publish": "no_room",
    "council.run_check": "overloaded",
    "deployer.deploy": "no_room",
}


class Disk:
    """A machine whose disk is full or has room, as a test says."""

    def __init__(self) -> None:
        self.full = False

    def troubles(self) -> Sequence[MachineTrouble]:
        """Return that it is full, or nothing."""
        return [MachineTrouble(Trouble.DISCO_LLENO, "quedan 0 MB")] if self.full else []


async def _retry(session: AsyncSession, order: Order, now: datetime) -> None:
    await retry_order(Change(session, order, ADMIN.actor, POLICY, now))


async def _reach(rig: Rig, place: str) -> UUID:
    """Advance an order until its next step meets the fault at `place`; return its id."""
    order_id = await (rig.place() if place == "planner.make_plan" else rig.reach("construccion"))
    await _meet(rig, order_id, place)
    return order_id


async def _meet(rig: Rig, order_id: UUID, place: str) -> None:
    """Advance the order until its next step meets the fault at `place`."""
    line = rig.line()
    for _ in range(40):
        if rig.ledger.entries("error", place):
            return
        if await line.advance(order_id) is None:
            await rig.change(order_id, approve)
    raise AssertionError("the fault was not met")


async def test_nothing_is_lost_by_trouble_of_the_machine(rig: Rig) -> None:
    """One order, in trouble at every place: more often than a step may fail, or be begun."""
    order_id, line = await rig.place(), rig.line()
    for place, trouble in PLACES.items():
        times = 9 if place in {"planner.make_plan", "council.run_check"} else 4
        assert rig.policy.max_step_failures < times
        rig.ledger.script(Fault(place, trouble, times=times))
        await _meet(rig, order_id, place)
        for _ in range(times - 1):
            await line.advance(order_id)
        order = await rig.order(order_id)
        assert order.espera_causa is not None, place
        expected = "disco_lleno" if trouble == "no_room" else "sobrecarga"
        assert (order.espera, order.espera_causa["codigo"]) == ("maquina", expected)
        assert order.espera_causa["intentos"] == times
        assert (order.fallo, order.intento, order.retrabajos) == (None, 1, 0)
        assert await rig.rows("SELECT 1 FROM order_checks WHERE NOT passed") == []

    await rig.drive(order_id)
    order = await rig.order(order_id)
    assert (order.estado, order.intento, order.retrabajos) == ("entregado", 1, 0)
    assert (order.espera, order.espera_causa) == (None, None)
    kinds = [event.kind for event in await rig.events(order_id)]
    held, recovered = "linea.espera_maquina", "linea.maquina_recuperada"
    assert kinds.count(held) == kinds.count(recovered) == len(PLACES)
    assert "linea.paso_reintentado" not in kinds
    # Each kind of trouble is told once in the hour.
    mails = await rig.rows("SELECT recipient FROM outbox_messages WHERE dedupe_key ~ 'maquina'")
    assert [mail.recipient for mail in mails] == [rig.policy.approver_email] * 2


async def test_no_step_is_begun_on_a_full_disk(rig: Rig) -> None:
    disk = Disk()
    rig.ports = replace(rig.ports, machine=disk)
    order_id = await rig.reach("construccion")
    disk.full, before = True, len(rig.ledger.entries())
    await rig.execute("DELETE FROM procrastinate_jobs")

    assert await rig.drive(order_id) == []

    order = await rig.order(order_id)
    assert (order.estado, order.espera) == ("construccion", "maquina")
    assert len(rig.ledger.entries()) == before
    (job,) = await rig.jobs(order_id)
    assert job.scheduled_at is not None
    disk.full = False
    assert await rig.line().advance(order_id) is not None
    assert (await rig.order(order_id)).session_open


async def test_the_worker_goes_on_by_itself_when_there_is_room(rig: Rig) -> None:
    disk = Disk()
    rig.ports = replace(rig.ports, machine=disk)
    disk.full = True
    order_id = await rig.place()
    async with rig.working(polling_seconds=0.1):
        await rig.until(order_id, lambda order: order.espera == "maquina")
        disk.full = False
        await rig.until(order_id, lambda order: order.plan_estado == "pendiente_aprobacion")


async def test_whatever_fails_on_a_full_disk_is_the_disks(rig: Rig) -> None:
    class Filling(Disk):
        """Full at the second look: while the step ran."""

        looks = 0

        def troubles(self) -> Sequence[MachineTrouble]:
            self.looks += 1
            self.full = self.looks > 1
            return super().troubles()

    rig.ports = replace(rig.ports, machine=Filling())
    rig.ledger.script(Fault("planner.make_plan", "permanent"))
    order_id, line = await rig.place(), rig.line()
    for _ in range(2):
        await line.advance(order_id)
    order = await rig.order(order_id)
    assert (order.estado, order.espera) == ("planificacion", "maquina")


async def test_pauses_double_up_to_the_longest(rig: Rig) -> None:
    rig = rig.with_policy(
        retry_delay=timedelta(seconds=10), machine_longest_pause=timedelta(seconds=35)
    )
    rig.ledger.script(Fault("planner.make_plan", "no_room", times=4))
    order_id, line, delays = await rig.place(), rig.line(), list[float]()
    await line.advance(order_id)
    for _ in range(4):
        await rig.execute("DELETE FROM procrastinate_jobs")
        before = datetime.now(UTC)
        await line.advance(order_id)
        (job,) = await rig.jobs(order_id)
        delays.append((job.scheduled_at - before).total_seconds())
    assert delays == pytest.approx([10, 20, 35, 35], abs=3)


async def test_the_same_trouble_of_many_orders_is_told_once_an_hour(rig: Rig) -> None:
    rig.ledger.script(Fault("planner.make_plan", "no_room", times=None))
    line = rig.line()
    for _ in range(2):
        order_id = await rig.place()
        for _ in range(7):
            await line.advance(order_id)
    (mail,) = await rig.rows("SELECT subject, body FROM outbox_messages")
    assert "Falta espacio en el disco" in mail.subject
    assert "axon orders retry" in mail.body


async def test_a_person_need_not_wait(rig: Rig) -> None:
    rig = rig.with_policy(retry_delay=timedelta(hours=1), machine_longest_pause=timedelta(hours=1))
    rig.ledger.script(Fault("planner.make_plan", "no_room"))
    order_id = await rig.place()
    await rig.line().advance(order_id)
    await rig.execute("DELETE FROM procrastinate_jobs")
    await rig.line().advance(order_id)
    assert (await rig.jobs(order_id))[0].scheduled_at is not None

    await rig.change(order_id, _retry)

    (job,) = await rig.jobs(order_id)
    assert job.scheduled_at is None
    await rig.drive(order_id)
    order = await rig.order(order_id)
    assert (order.plan_estado, order.espera, order.intento) == ("pendiente_aprobacion", None, 1)


async def test_a_person_may_decide_otherwise(rig: Rig) -> None:
    rig.ledger.script(Fault("council.run_check", "overloaded"))
    order_id = await _reach(rig, "council.run_check")
    await rig.change(order_id, patch(estado="construccion", motivo="otra máquina"))
    order = await rig.order(order_id)
    assert (order.estado, order.espera, order.espera_causa) == ("construccion", None, None)


async def test_an_order_whose_job_was_lost_is_found(rig: Rig) -> None:
    rig.ledger.script(Fault("planner.make_plan", "no_room"))
    order_id = await rig.place()
    for _ in range(2):
        await rig.line().advance(order_id)
    await rig.execute("DELETE FROM procrastinate_jobs")
    assert await sweep(rig.database, rig.policy) == 1
    assert len(await rig.jobs(order_id)) == 1


async def test_it_is_no_order_that_waits_for_people(rig: Rig) -> None:
    rig.ledger.script(Fault("council.run_check", "no_room"))
    await _reach(rig, "council.run_check")
    async with rig.database.reading() as session:
        status = await read_line_status(session)
        health = await read_line_health(session, stalled_after=15)
    assert (status.waiting_for_people, status.to_finish) == (0, 1)
    assert health.waiting_for_person == ()
    assert [(one.trouble, one.orders) for one in health.held] == [(Trouble.DISCO_LLENO, 1)]


async def test_a_database_without_room_is_no_crash_of_the_step(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outcome that cannot be recorded leaves no trace; eight such must not end the order."""
    order_id = await rig.place()
    line = rig.line()
    await line.advance(order_id)

    async def refuse(*_: object, **__: object) -> None:
        import psycopg.errors  # noqa: PLC0415 — this test alone

        raise OperationalError("INSERT", {}, psycopg.errors.DiskFull("could not extend file"))

    with monkeypatch.context() as patched:
        patched.setattr("axon_factory.line.line.finish_step", refuse)
        for _ in range(12):
            with pytest.raises(OperationalError):
                await line.advance(order_id)
    assert rig.database.trouble is not None
    assert rig.database.trouble.kind is Trouble.DISCO_LLENO

    await line.advance(order_id)
    order = await rig.order(order_id)
    assert (order.plan_estado, order.fallo) == ("pendiente_aprobacion", None)
    assert rig.database.trouble is None
