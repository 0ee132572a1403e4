"""A job is a turn: what it does with its order, when it ends, what never depends on it (ADR 41)."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from rig import Rig, approve

from axon_factory.domain.building import Priority
from axon_factory.line.turn import TurnLimits


async def _approved(rig: Rig, priority: Priority = Priority.NORMAL) -> UUID:
    """Return an order whose plan is approved; the job of its approval waits, and no other."""
    order_id = await rig.place(priority=priority)
    await rig.drive(order_id)
    await rig.change(order_id, approve)
    await rig.execute("DELETE FROM procrastinate_jobs WHERE task_name <> 'advance'")
    return order_id


async def test_one_turn_does_all_that_is_due(rig: Rig) -> None:
    order_id = await _approved(rig)
    (job,) = await rig.jobs(order_id)
    await rig.line().run(order_id)
    assert (await rig.order(order_id)).estado == "entregado"
    assert [one.id for one in await rig.jobs(order_id)] == [job.id]  # what ran enqueued no other


async def test_a_turn_ends_after_its_steps_and_leaves_one_job(rig: Rig) -> None:
    order_id = await _approved(rig)
    await rig.execute("DELETE FROM procrastinate_jobs")
    line = rig.line()
    line.turn_limits = TurnLimits(steps=2)
    await line.run(order_id)
    assert [(one.place) for one in rig.ledger.effects()][-2:] == [
        "builder.start",
        "builder.proceed",
    ]
    assert len(await rig.jobs(order_id)) == 1


async def test_a_turn_ends_when_the_worker_stops(rig: Rig) -> None:
    order_id = await _approved(rig)
    await rig.execute("DELETE FROM procrastinate_jobs")
    await rig.line().run(order_id, stopping=lambda: True)
    assert rig.ledger.effects()[-1].place == "builder.start"
    assert len(await rig.jobs(order_id)) == 1


async def test_a_more_urgent_order_goes_first(rig: Rig) -> None:
    order_id = await _approved(rig)
    await rig.execute("DELETE FROM procrastinate_jobs")
    urgent = await rig.place(priority=Priority.URGENTE)
    await rig.line().run(order_id)
    assert rig.ledger.effects()[-1].place == "builder.start"
    assert len(await rig.jobs(order_id)) == 1
    await rig.execute("DELETE FROM procrastinate_jobs WHERE lock = :lock", lock=f"order:{urgent}")
    await rig.line().run(order_id)
    assert (await rig.order(order_id)).estado == "entregado"


@dataclass
class _Damaging:
    """A builder after whose start the order's plan cannot be read any more."""

    builder: Any
    rig: Rig

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — the builder's
        return getattr(self.builder, name)

    async def start(self, request: Any, *, idempotency_key: str) -> str:  # noqa: ANN401 — its own
        session = await self.builder.start(request, idempotency_key=idempotency_key)
        await self.rig.execute("UPDATE orders SET plan = '{}' WHERE id = :id", id=request.order_id)
        return session


async def test_an_outcome_counts_though_what_follows_cannot_be_decided(rig: Rig) -> None:
    order_id = await _approved(rig)
    broken = replace(rig, ports=replace(rig.ports, builder=_Damaging(rig.ports.builder, rig)))
    await broken.line().run(order_id)
    order = await rig.order(order_id)
    assert (order.estado, order.session_id is not None) == ("construccion", True)
    await broken.line().run(order_id)
    assert (await rig.order(order_id)).estado == "fallido"
    assert "construccion.sesion_iniciada" in [event.kind for event in await rig.events(order_id)]
