"""What the line does when a port fails, hangs or raises, and when a record is damaged."""

from datetime import UTC, datetime

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


async def _run(rig: Rig) -> str:
    """Place an order, approve its plan if it gets one, and return where it rests."""
    order_id = await rig.place()
    await rig.drive(order_id)
    if (await rig.order(order_id)).plan_estado == "pendiente_aprobacion":
        await rig.change(order_id, approve)
        await rig.drive(order_id)
    return (await rig.order(order_id)).estado


@pytest.mark.parametrize(("place", "state", "cause"), _PLACES, ids=_IDS)
async def test_a_permanent_failure_fails_the_order_at_once(
    rig: Rig, place: str, state: str, cause: str
) -> None:
    rig.ledger.script(Fault(place, "permanent"))

    assert await _run(rig) == "fallido"

    (row,) = await rig.rows("SELECT fallo, session_open, deployment_open FROM orders")
    assert (row.fallo["estado"], row.fallo["causa"]) == (state, cause)
    assert row.fallo["mensaje"] == "Avería definitiva"
    assert len(rig.ledger.entries("error", place)) == 1
    assert (row.session_open, row.deployment_open) == (False, False)
    mails = await rig.rows("SELECT recipient FROM outbox_messages WHERE subject LIKE '%falló%'")
    assert [mail.recipient for mail in mails] == [rig.policy.approver_email]


@pytest.mark.parametrize("trouble", ["transient", "raise"])
@pytest.mark.parametrize(("place", "state", "cause"), _PLACES, ids=_IDS)
async def test_a_lasting_trouble_fails_the_order_after_three_tries(
    rig: Rig, place: str, state: str, cause: str, trouble: str
) -> None:
    rig.ledger.script(Fault(place, trouble, times=3))

    assert await _run(rig) == "fallido"

    (row,) = await rig.rows("SELECT id, fallo FROM orders")
    assert (row.fallo["estado"], row.fallo["causa"]) == (state, cause)
    assert len(rig.ledger.entries("error", place)) == 3
    kinds = [event.kind for event in await rig.events(row.id)]
    assert kinds.count("linea.paso_reintentado") == 2


@pytest.mark.parametrize("trouble", ["transient", "raise"])
@pytest.mark.parametrize("place", _IDS)
async def test_a_passing_trouble_only_costs_time(rig: Rig, place: str, trouble: str) -> None:
    rig.ledger.script(Fault(place, trouble, times=2))

    assert await _run(rig) == "entregado"
    assert len(rig.ledger.entries("error", place)) == 2


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

    assert await _run(rig) == "fallido"
    assert len(rig.ledger.entries("cancelled", "builder.proceed")) == 3


async def test_an_outcome_that_cannot_be_recorded_fails_the_order(rig: Rig) -> None:
    rig.ledger.script(Fault("builder.proceed", "unstorable", times=None))

    assert await _run(rig) == "fallido"

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
    order_id = await rig.place()
    if state == "construccion":
        await rig.drive(order_id)
        await rig.change(order_id, approve)
    await rig.execute(damage)

    async with rig.working():
        order = await rig.until(order_id, lambda order: order.estado == "fallido")
        await rig.until_quiet()

    assert order.fallo is not None
    assert order.fallo["estado"] == state


async def test_a_step_begun_too_often_ends_the_order(rig: Rig) -> None:
    order_id = await rig.place()
    await rig.drive(order_id)
    await rig.change(order_id, approve)
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
    rig.ledger.script(Fault("builder.proceed", "working", times=30, match="scaffolding"))

    assert await _run(rig) == "entregado"


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

    assert await _run(rig) == "entregado"


@pytest.mark.parametrize(("place", "state"), [row[:2] for row in _PLACES], ids=_IDS)
async def test_a_retry_resumes_at_the_failed_step(rig: Rig, place: str, state: str) -> None:
    """The first call succeeds where a step has several, so that there is something to keep."""
    skip = {"builder.proceed": "backend_api", "council.run_check": "security"}.get(place, "")
    rig.ledger.script(Fault(place, "permanent", match=skip))
    await _run(rig)
    (row,) = await rig.rows("SELECT id, fallo FROM orders")
    done = [entry for entry in rig.ledger.effects() if "milestone" in entry.details]
    checked = rig.ledger.effects("council.run_check")

    await rig.change(row.id, patch(estado=state))
    steps = await rig.drive(row.id)
    if state == "planificacion":
        await rig.change(row.id, approve)
        await rig.drive(row.id)

    order = await rig.order(row.id)
    assert (order.estado, order.intento) == ("entregado", 2)
    assert row.fallo["paso"] in [step.key for step in steps]
    milestones = [e.details["milestone"] for e in rig.ledger.effects("builder.proceed")]
    checks = [e.details["check"] for e in rig.ledger.effects("council.run_check")]
    assert len(milestones) == len(set(milestones)) == 4
    assert len(checks) == len(set(checks)) == 3
    assert milestones[: len(done)] == [e.details["milestone"] for e in done]
    assert checks[: len(checked)] == [e.details["check"] for e in checked]


class TestOutbox:
    """Mail leaves once per key, however long it takes."""

    async def test_a_mail_that_fails_is_sent_later(self, rig: Rig) -> None:
        rig.ledger.script(Fault("mailer.send", "transient", times=1))
        order_id = await rig.place()
        await rig.drive(order_id)
        async with rig.working(polling_seconds=0.2):
            await rig.ledger.until(lambda ledger: ledger.effects("mailer.send"))
            await rig.until_quiet()

        (row,) = await rig.rows("SELECT attempts, sent_at, last_error FROM outbox_messages")
        assert row.attempts == 2
        assert row.sent_at is not None

    async def test_a_message_is_sent_once_however_often_it_is_asked_for(self, rig: Rig) -> None:
        order_id = await rig.place()
        await rig.drive(order_id)
        await rig.execute("DELETE FROM procrastinate_jobs")
        async with rig.working():  # the sweep finds the message without a job
            await rig.ledger.until(lambda ledger: ledger.effects("mailer.send"))
            await rig.until_quiet()

        assert len(rig.ledger.effects("mailer.send")) == 1

    async def test_a_mailer_that_raises_does_not_lose_the_message(self, rig: Rig) -> None:
        rig.ledger.script(Fault("mailer.send", "raise", times=1))
        order_id = await rig.place()
        await rig.drive(order_id)
        async with rig.working(polling_seconds=0.2):
            await rig.ledger.until(lambda ledger: ledger.effects("mailer.send"))
