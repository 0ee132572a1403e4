"""A session that its order does not want any more ends, whichever way the order took."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from ledger import Fault
from rig import ADMIN, POLICY, Act, Rig, cancel, patch
from test_line_control import OUTSIDE, in_state

from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.db.tables import Order, OrderMilestone
from axon_factory.domain.errors import AttemptEnded
from axon_factory.domain.permissions import Grant, Principal, Role
from axon_factory.domain.plan import Plan
from axon_factory.orders.change import Change
from axon_factory.orders.moves import retry_order
from axon_factory.orders.reviewing import send_back

AGENT = Principal("token:x", "Builder Agent", Role.SYSTEM, Grant.SYSTEM_PERMANENT)
STUBBORN = Fault("builder.stop", "deaf", times=None)


@dataclass(frozen=True)
class Way:
    """How an order leaves its session behind, and what may be done at once afterwards."""

    name: str
    change: Act
    then: Act | None = None
    deaf: bool = False

    def __str__(self) -> str:
        return self.name


async def _retry(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
    await retry_order(Change(session, order, ADMIN.actor, POLICY, now))


async def _report_qa(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — as above
    """Hand over every milestone of the plan, and report the order to the review."""
    for milestone in Plan.model_validate(order.plan).milestones:
        done = OrderMilestone(
            order_id=order.id,
            intento=order.intento,
            milestone_id=milestone.id,
            agente=milestone.agente,
            commit_id="c" * 40,
            completed_at=now,
        )
        session.add(done)
    await session.flush()
    await patch(AGENT, estado="qa")(session, order, now)


async def _send_back(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — as above
    await send_back(Change(session, order, ADMIN.actor, POLICY, now), reasons=["mal"])


WAYS = [
    Way("cancel, deaf", cancel, deaf=True),
    Way("fail", patch(estado="fallido")),
    Way("fail and retry at once", patch(estado="fallido"), _retry, deaf=True),
    Way("agent reports qa", _report_qa),
    Way("qa and back at once", _report_qa, _send_back, deaf=True),
]


async def _built_outside(rig: Rig) -> tuple[UUID, str]:
    """Return an order whose session works outside, and the token that the session was given."""
    order_id = await in_state(rig, "construccion")
    line = rig.line()
    given: list[str] = []
    prepare = SystemTokens.mint_for_attempt

    async def minting(self: SystemTokens, *args: object, **names: object) -> object:
        minted = await prepare(self, *args, **names)  # pyright: ignore[reportArgumentType] — passed on
        given.append(minted.plaintext)
        return minted

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SystemTokens, "mint_for_attempt", minting)
        await line.advance(order_id)
    return order_id, given[0]


async def _holds(rig: Rig, token: str) -> bool:
    async with rig.database.reading() as session:
        try:
            return await SystemTokens(b"p" * 32).verify(session, token) is not None
        except AttemptEnded:
            return False


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_the_session_is_stopped_and_its_token_is_dead(rig: Rig, way: Way) -> None:
    rig = rig.with_policy(agents=OUTSIDE)
    order_id, token = await _built_outside(rig)
    assert await _holds(rig, token)
    if way.deaf:
        rig.ledger.script(STUBBORN)
    await rig.change(order_id, way.change)
    if way.then is not None:
        await rig.change(order_id, way.then)
    if "qa" not in way.name or way.then is not None:
        assert not await _holds(rig, token)  # at once

    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.effects("builder.stop"))
        assert await _until_ended(rig) == "detenida"
    assert not await _holds(rig, token)
    asked = rig.ledger.entries("start", "builder.stop")
    assert (len(asked) > 1) == way.deaf
    # Nothing else was begun for the order while the old session was at work.
    ended = next(e.at for e in rig.ledger.effects("builder.stop"))
    others = ("builder.start", "builder.proceed", "council.run_check", "deployer.deploy")
    begun = [e for e in rig.ledger.entries("start") if e.place in others and e.at < ended]
    assert [e.place for e in begun] == ["builder.start"]


async def _until_ended(rig: Rig) -> str:
    """Wait until the first attempt's session has ended, and return how."""
    query = "SELECT outcome FROM order_sessions WHERE intento = 1 AND ended_at IS NOT NULL"
    async with asyncio.timeout(30):
        while not (found := await rig.rows(query)):  # noqa: ASYNC110 — rows of a database
            await asyncio.sleep(0.02)
    return found[0].outcome


@pytest.mark.parametrize("do", ["transient", "raise"])
async def test_a_session_that_cannot_be_reached_is_given_up_at_the_deadline(
    rig: Rig, do: str
) -> None:
    rig.line_options["step_timeout_seconds"] = 0.2
    deadline = timedelta(seconds=0.3 if do == "transient" else 20)
    rig = rig.with_policy(agents=replace(OUTSIDE, stop_deadline=deadline))
    order_id, _ = await _built_outside(rig)
    rig.ledger.script(Fault("builder.stop", do, times=None if do == "transient" else 1))
    await rig.change(order_id, _report_qa)
    async with rig.working():
        await rig.until(order_id, lambda order: order.listo_at)
    (row,) = await rig.rows("SELECT outcome FROM order_sessions")
    assert row.outcome == ("abandonada" if do == "transient" else "detenida")


async def test_a_session_whose_start_did_not_come_back_is_found_and_stopped(rig: Rig) -> None:
    rig = rig.with_policy(agents=OUTSIDE)
    rig.ledger.script(Fault("builder.start", "hang_after"))
    order_id = await in_state(rig, "construccion")
    async with rig.working():
        await rig.ledger.until(lambda ledger: ledger.effects("builder.start"))
        await rig.change(order_id, patch(estado="fallido"))
        await rig.ledger.until(lambda ledger: ledger.effects("builder.stop"))
        await rig.until_quiet()
    assert [row.outcome for row in await rig.rows("SELECT outcome FROM order_sessions")] == [
        "detenida"
    ]


async def test_a_session_that_has_finished_is_not_stopped(rig: Rig) -> None:
    rig = rig.with_policy(agents=OUTSIDE)
    order_id, _ = await _built_outside(rig)
    await rig.drive(order_id)
    assert (await rig.order(order_id)).estado == "entregado"
    assert rig.ledger.entries("start", "builder.stop") == []
    assert [row.outcome for row in await rig.rows("SELECT outcome FROM order_sessions")] == [
        "terminada"
    ]


async def test_a_reported_session_is_stopped_by_the_id_that_was_reported(rig: Rig) -> None:
    rig = rig.with_policy(agents=OUTSIDE)
    order_id = await in_state(rig, "construccion")
    await rig.change(order_id, patch(AGENT, session_id="goal-session-7"))
    await rig.change(order_id, cancel)
    await rig.drive(order_id)
    (stop,) = rig.ledger.effects("builder.stop")
    assert stop.details["session"] == "goal-session-7"
