"""Cancelling: whatever runs for the order stops, and nothing stays behind."""

import asyncio
import inspect
from dataclasses import dataclass

import pytest
from ledger import Fault
from rig import Rig, cancel, patch

from axon_factory.line.line import Line


@dataclass(frozen=True)
class Moment:
    """When the order is cancelled: while `place` runs (or hangs after its effect)."""

    state: str
    place: str
    do: str = "hang"
    undone: tuple[str, ...] = ()

    @property
    def begin(self) -> str:
        """The stage from which the line comes to the place."""
        return "qa" if self.state == "listo" else self.state

    def __str__(self) -> str:
        return f"{self.state}-{self.place}-{self.do}"


_MOMENTS = [
    Moment("planificacion", "planner.make_plan"),
    Moment("construccion", "builder.start"),  # no session was started, and none is now
    Moment("construccion", "builder.start", "hang_after", undone=("builder.stop",)),
    Moment("construccion", "builder.proceed", undone=("builder.stop",)),
    Moment("construccion", "git_host.publish", undone=("builder.stop",)),
    Moment("qa", "council.run_check"),
    Moment("listo", "deployer.deploy", undone=("deployer.undeploy",)),
    Moment("listo", "deployer.deploy", "hang_after", undone=("deployer.undeploy",)),
]


@pytest.mark.parametrize("moment", _MOMENTS, ids=str)
async def test_cancelling_stops_what_runs(rig: Rig, moment: Moment) -> None:
    rig.line_options["watch_seconds"] = 0.02
    rig.ledger.script(Fault(moment.place, moment.do))
    order_id = await (rig.place() if moment.state == "planificacion" else rig.reach(moment.begin))
    running = asyncio.create_task(rig.drive(order_id))
    await rig.ledger.until(lambda ledger: ledger.entries("fault", moment.place))
    if moment.do == "hang_after":
        await rig.ledger.until(lambda ledger: ledger.effects(moment.place))
    assert (await rig.order(order_id)).estado == moment.state

    await rig.change(order_id, cancel)
    await rig.ledger.until(lambda ledger: ledger.entries("cancelled", moment.place))
    await running

    order = await rig.order(order_id)
    assert (order.estado, order.session_open, order.deployment_open) == ("cancelado", False, False)
    assert (order.resultado, order.deploy_url) == (None, None)
    (stop,) = rig.ledger.entries("cancelled")
    later = [e.place for e in rig.ledger.effects() if e.at > stop.at and "mailer" not in e.place]
    assert later == list(moment.undone)


def test_a_line_looks_more_often_than_every_two_seconds_whether_its_call_is_wanted() -> None:
    assert inspect.signature(Line).parameters["watch_seconds"].default < 1


async def test_a_new_order_is_cancelled_before_anything_runs(rig: Rig) -> None:
    order_id = await rig.place()
    await rig.change(order_id, cancel)
    async with rig.working():
        await rig.until_quiet()

    assert rig.ledger.entries("start") == []
    assert (await rig.order(order_id)).estado == "cancelado"


async def test_an_order_that_waits_for_approval_is_cancelled(rig: Rig) -> None:
    order_id = await rig.reach("planificacion")
    await rig.change(order_id, cancel)

    assert await rig.drive(order_id) == []
    assert (await rig.order(order_id)).estado == "cancelado"


async def test_a_deployed_order_is_undeployed(rig: Rig) -> None:
    order_id = await rig.reach("listo")
    await rig.change(order_id, cancel)

    assert [step.key for step in await rig.drive(order_id)] == ["retirar"]
    assert len(rig.ledger.effects("deployer.undeploy")) == 1


async def test_a_failed_order_is_cancelled(rig: Rig) -> None:
    rig.ledger.script(Fault("deployer.deploy", "permanent"))
    order_id = await rig.reach("qa")
    await rig.drive(order_id)
    await rig.change(order_id, cancel)

    assert await rig.drive(order_id) == []
    order = await rig.order(order_id)
    assert (order.estado, order.fallo) == ("cancelado", None)


async def test_cleaning_up_is_repeated_until_it_works(rig: Rig) -> None:
    rig.ledger.script(
        Fault("deployer.deploy", "permanent"), Fault("deployer.undeploy", "transient", times=2)
    )
    order_id = await rig.reach("qa")
    line = rig.line()
    while not rig.ledger.entries("error", "deployer.undeploy"):
        await line.advance(order_id)
    await rig.execute("UPDATE order_steps SET failures = 5000 WHERE finished_at IS NULL")
    await rig.drive(order_id)

    order = await rig.order(order_id)
    assert (order.estado, order.deployment_open) == ("fallido", False)
    assert len(rig.ledger.entries("error", "deployer.undeploy")) == 2


@pytest.mark.parametrize("change", [cancel, patch(estado="fallido")], ids=["cancel", "fail"])
async def test_a_late_outcome_is_refused(rig: Rig, change: object) -> None:
    """The call ends well before anybody looks whether it is still wanted."""
    rig.line_options["watch_seconds"] = 30.0
    rig.ledger.script(Fault("builder.proceed", "slow", seconds=0.4))
    order_id = await rig.reach("construccion")
    line = rig.line()
    await line.advance(order_id)

    running = asyncio.create_task(line.advance(order_id))
    await rig.ledger.until(lambda ledger: ledger.entries("start", "builder.proceed"))
    await rig.change(order_id, change)  # pyright: ignore[reportArgumentType] — a parametrised Change
    await running

    assert rig.ledger.entries("end", "builder.proceed") != []
    assert await rig.rows("SELECT 1 FROM order_milestones") == []
    assert (await rig.order(order_id)).progreso == 0
    await rig.drive(order_id)
    assert not (await rig.order(order_id)).session_open
