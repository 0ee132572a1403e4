"""A session's life over HTTP: started once, looked at, asked, answered, stopped."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from axon_factory.adapters.builder.http import AgentAddress, HttpBuilder
from axon_factory.domain.events import LogLevel
from axon_factory.ports.builder import (
    AgentAnswer,
    AgentQuestion,
    BuildReport,
    BuildRequest,
    BuildStatus,
    Finding,
    ReportedProgress,
    SessionLost,
)
from axon_factory.ports.errors import PortError
from tests.support.agent_server import Agent
from tests.support.products import git


async def look(builder: HttpBuilder, session: str, order: BuildRequest) -> BuildReport:
    return await builder.proceed(session, order, idempotency_key="construir:x")


def after(order: BuildRequest, report: BuildReport) -> BuildRequest:
    """The next request, as the line makes it once the report is recorded."""
    done = order.completed | {milestone.id for milestone in report.milestones}
    return replace(order, completed=done, cursor=report.cursor)


async def test_a_session_builds_the_product_milestone_by_milestone(
    builder: HttpBuilder, agent: Agent, order: BuildRequest
) -> None:
    session = await builder.start(order, idempotency_key="k")
    first = await look(builder, session, order)
    assert first.status is BuildStatus.WORKING
    assert [one.id for one in first.milestones] == ["base"]
    assert first.milestones[0].message == "base construido"
    assert first.poll_after_seconds == 7
    assert first.reported == ReportedProgress(10, 7, ("base",))
    assert [(one.key, one.level) for one in first.logs] == [("linea-1", LogLevel.SUCCESS)]
    assert first.heartbeat_at == agent.session.heartbeat
    assert [(u.input_tokens, u.cost_usd) for u in first.uses] == [(100, Decimal("0.25"))]
    order = after(order, first)
    second = await look(builder, session, order)
    # The commit is there, but with the last milestone the product would go to review at once.
    assert (second.status, second.milestones) == (BuildStatus.WORKING, ())
    assert [one.key for one in second.logs] == ["linea-2"]
    third = await look(builder, session, after(order, second))
    assert third.status is BuildStatus.FINISHED
    head = git(order.product_dir, "rev-parse", "main")
    assert [(one.id, one.commit) for one in third.milestones][-1] == ("qa", head)
    assert third.uses == ()
    assert [name for name, _ in agent.requests].count("take") == 2
    assert not git(order.product_dir, "status", "--porcelain")


async def test_a_start_tells_the_agent_what_it_may_know_and_no_more(
    builder: HttpBuilder, agent: Agent, order: BuildRequest
) -> None:
    order = replace(order, findings=(Finding("tests", "faltan"),), completed=frozenset({"base"}))
    await builder.start(order, idempotency_key="k")
    assert agent.bodies["start"] == {
        "goal": "Construir",
        "mode": "balanced",
        "tenant_id": "default",
        "origin": "orders_system",
        "metadata": {
            "order_id": order.order_id,
            "order_number": "ORD-2025-001",
            "tipo_producto": "autopilot_whatsapp",
            "intento": 1,
        },
        "product": {"nombre": order.product_name, "slug": order.slug},
        "plan": order.plan.model_dump(mode="json"),
        "client": dict(order.client),
        "configuration": {"idioma": "es", "stripe": {"moneda": "MXN"}},
        "findings": [{"check": "tests", "message": "faltan"}],
        "completed_milestones": ["base"],
        "base": None,
        "callback": {"api_url": order.api_url, "system_token": order.agent_token},
    }


async def test_a_start_whose_answer_was_lost_finds_its_session_again(
    builder: HttpBuilder, agent: Agent, order: BuildRequest
) -> None:
    assert await builder.find(order, idempotency_key="k") is None
    agent.faults["start"] = ["lost"]
    with pytest.raises(PortError) as caught:
        await builder.start(order, idempotency_key="k")
    assert caught.value.transient
    found = await builder.find(order, idempotency_key="k")
    again = await builder.start(replace(order, agent_token="another"), idempotency_key="k2")
    assert found == again
    other = await builder.start(replace(order, attempt=2), idempotency_key="k")
    assert (len(agent.sessions), other != again) == (2, True)


async def test_a_new_attempt_builds_on_what_was_handed_over(
    builder: HttpBuilder, agent: Agent, order: BuildRequest
) -> None:
    session = await builder.start(order, idempotency_key="k")
    await look(builder, session, order)
    head = git(order.product_dir, "rev-parse", "main")
    order = replace(order, attempt=2)
    session = await builder.start(order, idempotency_key="k")
    assert agent.bodies["start"]["base"]["commit"] == head
    report = await look(builder, session, order)
    assert [one.id for one in report.milestones] == ["base"]
    assert git(order.product_dir, "merge-base", head, "main") == head


async def test_a_question_is_asked_and_its_answer_handed_over_once(
    builder: HttpBuilder, agent: Agent, order: BuildRequest
) -> None:
    agent.question = {"id": "color", "text": "¿Qué color?", "options": ["rojo"]}
    session = await builder.start(order, idempotency_key="k")
    report = await look(builder, session, order)
    assert report.questions == (AgentQuestion("color", "¿Qué color?", ("rojo",), to_client=True),)
    answer = AgentAnswer("color", 3, "¿Qué color?", "azul")
    order = replace(after(order, report), answers=(answer,))
    agent.faults["look"] = ["503"]
    assert not (await look(builder, session, order)).heard
    report = await look(builder, session, order)  # the line brings it again
    assert (report.heard, report.questions) == (True, ())
    assert agent.session.answers == [
        {"question_id": "color", "number": 3, "question": "¿Qué color?", "answer": "azul"}
    ]


@pytest.mark.parametrize("audience", ["client", "operator", "planet"])
async def test_who_is_asked(
    builder: HttpBuilder, agent: Agent, order: BuildRequest, audience: str
) -> None:
    agent.idle = True
    agent.patch = {"questions": [{"id": "q", "text": "¿?", "audience": audience}]}
    session = await builder.start(order, idempotency_key="k")
    (question,) = (await look(builder, session, order)).questions
    assert question.to_client is (audience != "operator")


@pytest.mark.parametrize(
    ("deaf", "force", "fault", "confirmed"),
    [
        (False, False, None, True),
        (True, False, None, False),
        (True, True, None, False),
        (True, False, "404", True),
        (True, False, "409", True),
    ],
)
async def test_a_stop_is_confirmed_by_the_agent_or_not_at_all(
    builder: HttpBuilder,
    agent: Agent,
    order: BuildRequest,
    deaf: bool,
    force: bool,
    fault: str | None,
    confirmed: bool,
) -> None:
    session = await builder.start(order, idempotency_key="k")
    agent.deaf = deaf
    agent.faults["cancel"] = [fault] if fault else []
    assert await builder.stop(session, order, force=force, idempotency_key="s") is confirmed
    if fault is None:
        assert agent.bodies["cancel"] == {"force": force}


async def test_an_old_heartbeat_stays_old_and_a_future_one_is_now(
    builder: HttpBuilder, agent: Agent, order: BuildRequest
) -> None:
    session = await builder.start(order, idempotency_key="k")
    agent.idle = True
    old = datetime.now(UTC) - timedelta(hours=3)
    for said, heard in ((old, old), (datetime.now(UTC) + timedelta(hours=3), None)):
        agent.patch = {"last_heartbeat_at": said.isoformat()}
        report = await look(builder, session, order)
        assert report.heartbeat_at is not None
        assert report.heartbeat_at == (heard or report.heartbeat_at)
        assert report.heartbeat_at <= datetime.now(UTC)


@pytest.mark.parametrize("ending", ["cancelled", "forgotten"])
async def test_a_session_that_was_ended_by_others_is_lost(
    builder: HttpBuilder, agent: Agent, order: BuildRequest, ending: str
) -> None:
    session = await builder.start(order, idempotency_key="k")
    if ending == "forgotten":
        agent.sessions.clear()
    else:
        agent.session.status = "cancelled"
    with pytest.raises(SessionLost):
        await look(builder, session, order)


async def test_a_cursor_that_the_agent_has_forgotten_is_left(
    builder: HttpBuilder, agent: Agent, order: BuildRequest
) -> None:
    session = await builder.start(order, idempotency_key="k")
    first = await look(builder, session, order)
    agent.faults["look"] = ["410"]
    second = await look(builder, session, after(order, first))
    assert [line.key for line in second.logs] == ["linea-1", "linea-2"]


@pytest.mark.parametrize(
    "cursor",
    [None, "", "x", "[]", '{"used": 3}', '{"used": {"usd": "much"}}', '{"used": {"more": 1}}'],
)
async def test_a_cursor_of_another_builder_is_no_cursor(
    builder: HttpBuilder, agent: Agent, order: BuildRequest, cursor: str | None
) -> None:
    session = await builder.start(order, idempotency_key="k")
    agent.idle = True
    agent.session.log("hola")
    report = await look(builder, session, replace(order, cursor=cursor))
    assert len(report.logs) == 1
    assert report.cursor is not None
    assert len(report.cursor) <= 1000


async def test_costs_are_counted_once(
    builder: HttpBuilder, agent: Agent, order: BuildRequest
) -> None:
    session = await builder.start(order, idempotency_key="k")
    agent.idle = True
    counted = list[tuple[int, Decimal | None]]()
    for tokens, usd in ((100, 1.5), (100, 1.5), (40, 0.5), (150, 1.75), (10**15, -3)):
        agent.patch = {"usage": {"input_tokens": tokens, "cost_usd": usd}}
        report = await look(builder, session, order)
        counted += [(use.input_tokens, use.cost_usd) for use in report.uses]
        order = replace(order, cursor=report.cursor)
    assert counted == [
        (100, Decimal("1.5")),
        (50, Decimal("0.25")),
        (10**9 - 150, Decimal(0)),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda agent: agent.patch.update(status="failed", error="sin\x00 memoria"),
            "El agente no pudo construir el producto: sin memoria",
        ),
        (lambda agent: agent.patch.update(status="completed", artifacts=[]), "ningún repositorio"),
    ],
    ids=["failed", "completed without code"],
)
async def test_an_end_without_a_product_is_a_failure(
    builder: HttpBuilder,
    agent: Agent,
    order: BuildRequest,
    change: Callable[[Agent], None],
    reason: str,
) -> None:
    # An earlier attempt's product proves nothing of this one.
    session = await builder.start(order, idempotency_key="k")
    await look(builder, session, order)
    order = replace(order, attempt=2)
    session = await builder.start(order, idempotency_key="k")
    change(agent)
    with pytest.raises(PortError) as caught:
        await look(builder, session, order)
    assert reason in caught.value.for_staff
    assert "memoria" not in str(caught.value)
    assert not caught.value.transient
    assert not isinstance(caught.value, SessionLost)


async def test_nobody_at_the_address_is_transient(tmp_path: Path, order: BuildRequest) -> None:
    builder = HttpBuilder(AgentAddress("http://127.0.0.1:9"), poll_seconds=3)
    for call in (
        builder.start(order, idempotency_key="k"),
        builder.find(order, idempotency_key="k"),
        builder.stop("ses-1", order, force=False, idempotency_key="k"),
    ):
        with pytest.raises(PortError, match="no responde") as caught:
            await call
        assert caught.value.transient
    report = await look(builder, "ses-1", order)
    assert (report.heard, report.poll_after_seconds) == (False, 3)


@pytest.mark.parametrize(
    ("level", "visibility"),
    [("info", "cliente"), ("success", "cliente"), ("warning", "interno"), ("error", "interno")],
)
async def test_what_an_agent_calls_trouble_is_for_staff(
    builder: HttpBuilder, agent: Agent, order: BuildRequest, level: str, visibility: str
) -> None:
    session = await builder.start(order, idempotency_key="k")
    agent.idle = True
    agent.patch = {"logs": [{"id": "l-1", "message": "sin saldo", "level": level}]}
    (line,) = (await look(builder, session, order)).logs
    assert (line.level, line.visibility) == (level, visibility)
