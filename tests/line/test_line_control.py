"""Pause, drain, stop and resume: what goes on, what waits without a job, what is interrupted."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from ledger import Fault
from rig import ADMIN, Rig, cancel
from sqlalchemy.exc import IntegrityError

from axon_factory.domain.building import LineMode
from axon_factory.domain.errors import PreconditionFailed
from axon_factory.insights.line import read_line_status
from axon_factory.orders.line_mode import ModeChange, change_mode, read_control
from axon_factory.orders.policy import AgentRules
from axon_factory.worker.maintenance import sweep

OUTSIDE = AgentRules(
    builder="http", stop_deadline=timedelta(seconds=0.3), stop_poll=timedelta(seconds=0.02)
)
HELD = [
    ("nuevo", LineMode.PAUSADA),
    ("construccion", LineMode.DETENIDA),
    ("qa", LineMode.PAUSADA),
]


async def set_mode(rig: Rig, mode: LineMode, reason: str = "Prueba") -> int:
    async with rig.database.transaction("test") as session:
        now = datetime.now(UTC)
        change = ModeChange(mode, reason)
        return (await change_mode(session, change, ADMIN, rig.policy, now)).version


async def until_at_rest(rig: Rig) -> None:
    """Wait until no order has a job; messages leave whatever the mode."""
    await rig.until_quiet()


async def in_state(rig: Rig, state: str) -> UUID:
    """Bring an order to the first moment of a state, by the line alone."""
    return await (rig.place() if state == "nuevo" else rig.reach(state))


@pytest.mark.parametrize(("state", "mode"), HELD)
async def test_no_step_begins_and_nobody_is_polled_for(
    rig: Rig, state: str, mode: LineMode
) -> None:
    order_id = await in_state(rig, state)
    before = (await rig.order(order_id)).event_seq
    await set_mode(rig, mode)
    assert await rig.line().advance(order_id) is None
    await rig.execute("DELETE FROM procrastinate_jobs WHERE task_name = 'advance'")
    await rig.execute("UPDATE outbox_messages SET sent_at = now()")
    assert await sweep(rig.database, rig.policy, afresh=True) == 0
    assert (await rig.order(order_id)).event_seq == before

    await set_mode(rig, LineMode.ACTIVA)
    assert len(await rig.jobs(order_id)) == 1


async def test_a_paused_line_records_what_runs_and_goes_on_where_it_was(rig: Rig) -> None:
    rig.ledger.script(Fault("builder.proceed", "slow", seconds=0.4))
    order_id = await rig.reach("construccion")
    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.entries("start", "builder.proceed"))
        await set_mode(rig, LineMode.PAUSADA)
        await until_at_rest(rig)
        assert len(await rig.rows("SELECT 1 FROM order_milestones")) == 1
        await set_mode(rig, LineMode.ACTIVA)
        await rig.until(order_id, lambda order: order.estado == "qa")
    assert (await rig.order(order_id)).intento == 1


async def test_what_was_cancelled_is_cleaned_up_on_a_paused_line(rig: Rig) -> None:
    order_id = await in_state(rig, "construccion")
    await rig.line().advance(order_id)
    await set_mode(rig, LineMode.PAUSADA)
    await rig.change(order_id, cancel)
    assert [step.key for step in await rig.drive(order_id)] == ["detener_sesion:1"]


async def test_a_draining_line_finishes_what_was_begun_and_begins_nothing(rig: Rig) -> None:
    """What was begun is even begun anew: the review sends it back once."""
    reviewed = await in_state(rig, "qa")
    approved, new = await in_state(rig, "construccion"), await rig.place()
    rig.ledger.script(Fault("council.run_check", "reject", match=str(reviewed)))
    await set_mode(rig, LineMode.DRENANDO)
    async with rig.working():
        await rig.until(reviewed, lambda order: order.estado == "entregado")
        await until_at_rest(rig)
        async with rig.database.reading() as session:
            assert (await read_line_status(session)).at_rest
    assert (await rig.order(reviewed)).intento == 2
    assert (await rig.order(approved)).session_id is None
    assert (await rig.order(new)).estado == "nuevo"


async def test_a_stop_interrupts_what_runs_and_a_resumed_line_does_it_again(rig: Rig) -> None:
    place = "deployer.deploy"
    rig.ledger.script(Fault(place, "hang"))
    order_id = await rig.reach("qa")
    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.entries("fault", place))
        await set_mode(rig, LineMode.DETENIDA)
        await rig.ledger.until(lambda ledger: ledger.entries("cancelled", place), seconds=5)
        await until_at_rest(rig)
        kinds = [event.kind for event in await rig.events(order_id)]
        assert kinds.count("linea.paso_interrumpido") == 1
        await set_mode(rig, LineMode.ACTIVA)
        await rig.until(order_id, lambda order: order.estado == "entregado")
    order = await rig.order(order_id)
    assert (order.intento, order.fallo) == (1, None)


@pytest.mark.parametrize("do", ["working", "hang"])
async def test_a_stop_reaches_the_agents_outside(rig: Rig, do: str) -> None:
    """Deaf ones too: by the deadline. The order goes on in a new attempt, with what it had."""
    rig = rig.with_policy(agents=OUTSIDE)
    order_id = await in_state(rig, "construccion")
    line = rig.line()
    await line.advance(order_id)
    await line.advance(order_id)  # the first milestone
    rig.ledger.script(
        Fault("builder.proceed", do, times=None if do == "working" else 1),
        Fault("builder.stop", "deaf", times=None),
    )
    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.entries("fault", "builder.proceed"))
        await set_mode(rig, LineMode.DETENIDA, "Se publican datos")
        await until_at_rest(rig)
        stopped = await rig.order(order_id)
        assert (stopped.estado, stopped.intento) == ("construccion", 2)
        assert (stopped.session_open, stopped.session_id) == (False, None)
        (first,) = await rig.rows("SELECT intento, outcome, ended_at FROM order_sessions")
        assert (first.intento, first.outcome) == (1, "detenida")
        assert len(rig.ledger.entries("start", "builder.stop")) > 1  # asked, and asked again
        rig.ledger.script()
        await set_mode(rig, LineMode.ACTIVA)
        await rig.until(order_id, lambda order: order.estado == "qa")
    built = [(e.details["attempt"], e.details["milestone"]) for e in _built(rig)]
    assert [attempt for attempt, _ in built][:2] == [1, 2]
    assert len({milestone for _, milestone in built}) == len(built)  # nothing is built twice
    (notice,) = await rig.rows("SELECT body FROM outbox_messages WHERE order_id IS NULL")
    assert "Se publican datos" in notice.body


def _built(rig: Rig) -> list[object]:
    return rig.ledger.effects("builder.proceed")  # pyright: ignore[reportReturnType] — entries


async def test_a_mode_that_the_line_has_is_left_as_it_is(rig: Rig) -> None:
    version = await set_mode(rig, LineMode.DETENIDA, "Primero")
    assert await set_mode(rig, LineMode.DETENIDA, "Después") == version
    async with rig.database.reading() as session:
        assert (await read_control(session)).reason == "Primero"
    assert len(await rig.rows("SELECT 1 FROM outbox_messages")) == 1


async def test_a_change_is_bound_to_the_version_that_was_read(rig: Rig) -> None:
    change = ModeChange(LineMode.PAUSADA, "Prueba", if_version=9)
    async with rig.database.reading() as session:
        with pytest.raises(PreconditionFailed):
            await change_mode(session, change, ADMIN, rig.policy, datetime.now(UTC))


async def test_the_line_has_one_control(rig: Rig) -> None:
    with pytest.raises(IntegrityError):
        await rig.execute("INSERT INTO line_controls DEFAULT VALUES")
