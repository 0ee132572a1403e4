"""What the line does when a port fails, hangs or raises, and when a record is damaged."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from ledger import Fault
from rig import Rig, approve, patch

_PLACES = [
    ("planner.make_plan", "planificacion", "planificacion_fallida"),
    ("builder.start", "construccion", "construccion_fallida"),
    ("builder.proceed", "construccion", "construccion_fallida"),
    ("git_host.publish", "construccion", "construccion_fallida"),
    ("council.run_check", "qa", "revision_no_ejecutable"),
    ("deployer.deploy", "listo", "deploy_fallido"),
]
_IDS = [place for place, _, _ in _PLACES]


async def _go_on(rig: Rig, order_id: UUID) -> str:
    """Drive the order, approve its plan if it has one, and return where it rests."""
    await rig.drive(order_id)
    if (await rig.order(order_id)).plan_estado == "pendiente_aprobacion":
        await rig.change(order_id, approve)
        await rig.drive(order_id)
    return (await rig.order(order_id)).estado


async def _build(rig: Rig) -> str:
    """Drive an order whose plan is approved to its review, or to where it rests; return where."""
    order_id = await rig.reach("construccion")
    await rig.drive(order_id, until="qa")
    return (await rig.order(order_id)).estado


async def test_a_permanent_failure_fails_the_order_and_a_retry_resumes_at_the_failed_step(
    rig: Rig,
) -> None:
    """One order, failed at every place and retried. The first call of several has succeeded."""
    order_id, resumed = await rig.place(), set[tuple[int, str]]()
    skip = {"builder.proceed": "backend_api", "council.run_check": "security"}
    for attempt, (place, state, cause) in enumerate(_PLACES, 1):
        rig.ledger.script(Fault(place, "permanent", match=skip.get(place, "")))
        assert await _go_on(rig, order_id) == "fallido", place

        order = await rig.order(order_id)
        assert order.fallo is not None
        assert (order.fallo["estado"], order.fallo["causa"]) == (state, cause)
        assert (order.fallo["mensaje"], order.intento) == ("Avería definitiva", attempt)
        assert len(rig.ledger.entries("error", place)) == 1
        assert (order.session_open, order.deployment_open) == (False, False)
        assert len(rig.ledger.effects(place)) == (place in skip)
        resumed.add((attempt + 1, order.fallo["paso"]))
        await rig.change(order_id, patch(estado=state))

    assert await _go_on(rig, order_id) == "entregado"
    steps = await rig.rows("SELECT intento, step FROM order_steps WHERE finished_at IS NOT NULL")
    assert resumed <= {(row.intento, row.step) for row in steps}
    milestones = [e.details["milestone"] for e in rig.ledger.effects("builder.proceed")]
    checks = [e.details["check"] for e in rig.ledger.effects("council.run_check")]
    assert len(milestones) == len(set(milestones)) == 4  # what was done is kept
    assert len(checks) == len(set(checks)) == 3
    mails = await rig.rows("SELECT recipient FROM outbox_messages WHERE subject LIKE '%falló%'")
    assert [mail.recipient for mail in mails] == [rig.policy.approver_email] * len(_PLACES)


async def test_a_lasting_trouble_fails_the_order_after_three_tries(rig: Rig) -> None:
    """One order, in trouble at every place and retried."""
    order_id = await rig.place()
    # The other kind of trouble at each place than in the test of those that pass.
    troubles = ["raise", "transient"] * 3
    for (place, state, cause), trouble in zip(_PLACES, troubles, strict=True):
        rig.ledger.script(Fault(place, trouble, times=3))
        assert await _go_on(rig, order_id) == "fallido", place

        order = await rig.order(order_id)
        assert order.fallo is not None
        assert (order.fallo["estado"], order.fallo["causa"]) == (state, cause)
        assert len(rig.ledger.entries("error", place)) == 3
        await rig.change(order_id, patch(estado=state))

    kinds = [event.kind for event in await rig.events(order_id)]
    assert kinds.count("linea.paso_reintentado") == 2 * len(_PLACES)


async def test_a_passing_trouble_only_costs_time(rig: Rig) -> None:
    rig.ledger.script(
        *(
            Fault(place, trouble, times=2)
            for place, trouble in zip(_IDS, ["transient", "raise"] * 3, strict=True)
        )
    )
    order_id = await rig.place()

    assert await _go_on(rig, order_id) == "entregado"

    assert (await rig.order(order_id)).intento == 1
    assert [len(rig.ledger.entries("error", place)) for place in _IDS] == [2] * len(_IDS)


async def test_each_repetition_waits_twice_as_long(rig: Rig) -> None:
    rig.ledger.script(Fault("planner.make_plan", "transient", times=2))
    order_id, line, delays = await rig.place(), rig.line(), list[float]()
    await line.advance(order_id)
    for _ in range(2):
        await rig.execute("DELETE FROM procrastinate_jobs")
        before = datetime.now(UTC)
        await line.advance(order_id)
        (job,) = await rig.jobs(order_id)
        delays.append((job.scheduled_at - before).total_seconds())

    first = rig.policy.retry_delay.total_seconds()
    assert first <= delays[0] < 2 * first + 1
    assert delays[1] - delays[0] == pytest.approx(first, abs=0.5)


async def test_the_worker_repeats_after_the_wait_by_itself(rig: Rig) -> None:
    rig.ledger.script(Fault("planner.make_plan", "transient", times=2))
    order_id = await rig.place()
    async with rig.working(polling_seconds=0.2):
        await rig.until(order_id, lambda order: order.plan_estado == "pendiente_aprobacion")


async def test_a_step_that_takes_too_long_is_given_up(rig: Rig) -> None:
    rig.line_options["step_timeout_seconds"] = 0.2
    rig.ledger.script(Fault("builder.proceed", "hang", times=None))

    assert await _build(rig) == "fallido"
    assert len(rig.ledger.entries("cancelled", "builder.proceed")) == 3


async def test_an_outcome_that_cannot_be_recorded_fails_the_order(rig: Rig) -> None:
    rig.ledger.script(Fault("builder.proceed", "unstorable", times=None))

    assert await _build(rig) == "fallido"

    (row,) = await rig.rows("SELECT fallo FROM orders")
    assert row.fallo["causa"] == "construccion_fallida"


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        ("UPDATE orders SET plan = '{}'::jsonb", "construccion"),
        ("UPDATE orders SET plan = '{\"milestones\": 3}'::jsonb", "construccion"),
    ],
)
async def test_a_damaged_order_fails_and_does_not_stick(rig: Rig, damage: str, state: str) -> None:
    order_id = await rig.reach(state)
    await rig.execute(damage)

    async with rig.working():
        order = await rig.until(order_id, lambda order: order.estado == "fallido")
        await rig.until_quiet()

    assert order.fallo is not None
    assert order.fallo["estado"] == state


async def test_a_step_begun_too_often_ends_the_order(rig: Rig) -> None:
    order_id = await rig.reach("construccion")
    await rig.line().advance(order_id)
    await rig.execute("UPDATE order_steps SET attempts = 8 WHERE step = 'iniciar_sesion'")
    await rig.execute("UPDATE orders SET session_id = NULL")
    await rig.execute("UPDATE order_steps SET finished_at = NULL WHERE step = 'iniciar_sesion'")

    await rig.drive(order_id)

    order = await rig.order(order_id)
    assert order.estado == "fallido"
    assert order.fallo is not None
    assert order.fallo["causa"] == "intentos_agotados"
    assert not order.session_open


async def test_a_builder_may_be_asked_as_often_as_it_takes(rig: Rig) -> None:
    rig.ledger.script(Fault("builder.proceed", "working", times=12, match="scaffolding"))

    assert await _build(rig) == "qa"


async def test_only_failures_in_a_row_count(rig: Rig) -> None:
    rig.ledger.script(
        *(
            fault
            for _ in range(3)
            for fault in (
                Fault("builder.proceed", "transient", match="scaffolding"),
                Fault("builder.proceed", "working", match="scaffolding"),
            )
        )
    )

    assert await _build(rig) == "qa"


class TestOutbox:
    """Mail leaves once per key, however long it takes."""

    @pytest.mark.nightly
    async def test_a_mail_that_fails_is_sent_later(self, rig: Rig) -> None:
        rig.ledger.script(Fault("mailer.send", "transient", times=1))
        await rig.reach("planificacion")
        async with rig.working(polling_seconds=0.2):
            await rig.ledger.until(lambda ledger: ledger.effects("mailer.send"))
            await rig.until_quiet()

        (row,) = await rig.rows("SELECT attempts, sent_at, last_error FROM outbox_messages")
        assert row.attempts == 2
        assert row.sent_at is not None

    async def test_a_message_is_sent_once_however_often_it_is_asked_for(self, rig: Rig) -> None:
        await rig.reach("planificacion")
        await rig.execute("DELETE FROM procrastinate_jobs")
        async with rig.working():  # the sweep finds the message without a job
            await rig.ledger.until(lambda ledger: ledger.effects("mailer.send"))
            await rig.until_quiet()

        assert len(rig.ledger.effects("mailer.send")) == 1

    async def test_a_mailer_that_raises_does_not_lose_the_message(self, rig: Rig) -> None:
        rig.ledger.script(Fault("mailer.send", "raise", times=1))
        await rig.reach("planificacion")
        async with rig.working(polling_seconds=0.2):
            await rig.ledger.until(lambda ledger: ledger.effects("mailer.send"))
