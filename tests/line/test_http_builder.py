"""The line with an agent that builds elsewhere: built, asked, lost, stopped, crashed."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rig import ADMIN, POLICY, Rig, cancel
from sqlalchemy import select
from sqlmodel import col

from axon_factory.adapters.builder.http import AgentAddress, HttpBuilder
from axon_factory.adapters.builder.outside import ChosenBuilder
from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.events import EventKind
from axon_factory.domain.lifecycle import StepKind
from axon_factory.ports.builder import BuildRequest
from axon_factory.ports.crossing import crossing
from tests.support.agent_server import Agent, serving_agent
from tests.support.products import git

AGENTS = replace(POLICY.agents, builder="http", stop_poll=timedelta(milliseconds=10))


class Builder(HttpBuilder):
    """Can be held between the agent's answer to `start` and its record, as by a crash."""

    started: asyncio.Event | None = None

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        session = await super().start(request, idempotency_key=idempotency_key)
        if self.started is not None:
            self.started.set()
            await asyncio.Event().wait()
        return session


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path / "agent")


@pytest.fixture
async def builder(agent: Agent) -> AsyncGenerator[Builder]:
    async with serving_agent(agent) as url:
        yield Builder(AgentAddress(url, timeout_seconds=5), poll_seconds=0.01)


@pytest.fixture
def site(rig: Rig, builder: Builder) -> Rig:
    chosen = crossing("builder", ChosenBuilder({"http": builder}))
    ports = replace(rig.ports, builder=chosen)
    return replace(rig.with_policy(agents=AGENTS), ports=ports)


async def begin(site: Rig) -> Any:  # noqa: ANN401 — an order's id
    """Bring an order to where its session is due."""
    return await site.reach("construccion")


async def advance(site: Rig, order_id: Any, until: str) -> None:  # noqa: ANN401 — an order's id
    """Advance until the order is in `until`."""
    line = site.line()
    for _ in range(60):
        if (await site.order(order_id)).estado == until:
            return
        await line.advance(order_id)
    raise AssertionError(f"never {until}: {(await site.order(order_id)).fallo}")


async def kinds(site: Rig, order_id: Any) -> list[str]:  # noqa: ANN401 — an order's id
    return [event.kind for event in await site.events(order_id)]


async def test_an_agent_builds_an_order_up_to_its_review(site: Rig, agent: Agent) -> None:
    order_id = await begin(site)
    await advance(site, order_id, "qa")
    order = await site.order(order_id)
    product = site.products / order.slug
    assert order.session_id == "ses-1"
    assert (order.progreso, order.builder) == (95, "http")
    done = await site.rows("SELECT commit_id FROM order_milestones WHERE order_id = :i", i=order_id)
    commits = git(product, "rev-list", "main").split()
    assert len(done) == len(agent.session.done) == len(commits)
    assert {row.commit_id for row in done} == set(commits)
    said = [one for one in await site.events(order_id) if one.kind == EventKind.REGISTRO]
    assert len(said) == len(agent.session.done)
    tokens = await site.rows("SELECT sum(input_tokens) AS n FROM model_calls")
    assert tokens[0].n == 100 * len(done)
    assert order.reported is not None
    assert agent.session.body["callback"]["system_token"]
    assert len(agent.sessions) == 1


async def test_a_question_waits_for_its_answer_and_the_agent_gets_it(
    site: Rig, agent: Agent
) -> None:
    agent.question = {"id": "idioma", "text": "¿En qué idioma?", "options": ["es", "en"]}
    order_id = await begin(site)
    await site.drive(order_id)
    order = await site.order(order_id)
    assert (order.estado, order.espera) == ("construccion", "cliente")

    async def answer(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        question = await session.scalar(
            select(OrderQuestion).where(col(OrderQuestion.order_id) == order.id)
        )
        question.answer, question.answered_at = "es", now
        question.answered_by, question.answered_by_name = ADMIN.actor.id, ADMIN.actor.name
        order.espera = None

    await site.change(order_id, answer)
    agent.faults["answer"] = ["503"]
    await site.line().advance(order_id)  # nobody takes it: it is brought again
    await advance(site, order_id, "qa")
    assert [(one["question_id"], one["answer"]) for one in agent.session.answers] == [
        ("idioma", "es")
    ]
    (row,) = await site.rows("SELECT delivered_at FROM order_questions")
    assert row.delivered_at is not None


async def test_a_lost_session_is_begun_anew_from_what_is_verified(site: Rig, agent: Agent) -> None:
    order_id = await begin(site)
    line = site.line()
    while not agent.sessions or len(agent.session.done) < 2:
        await line.advance(order_id)
    lost = agent.sessions.copy()
    agent.sessions.clear()
    await advance(site, order_id, "qa")
    order = await site.order(order_id)
    assert order.intento == 2
    assert EventKind.SESION_PERDIDA in await kinds(site, order_id)
    (first,), second = lost.values(), agent.session
    assert second.body["completed_milestones"] == sorted(first.done)
    assert [*first.done, *second.done] == [one["id"] for one in second.body["plan"]["milestones"]]
    assert second.body["callback"]["system_token"] != first.body["callback"]["system_token"]


async def test_silence_is_no_failure_and_no_sign_of_life(site: Rig, agent: Agent) -> None:
    order_id = await begin(site)
    line = site.line()
    while not agent.sessions or not agent.session.done:
        await line.advance(order_id)
    before = await site.order(order_id)
    agent.faults["look"] = ["503!"]
    for _ in range(POLICY.max_step_failures + 2):
        assert (await line.advance(order_id)) is not None
    order = await site.order(order_id)
    assert order.estado == "construccion"
    assert order.heartbeat_at == before.heartbeat_at
    assert order.session_cursor == before.session_cursor
    agent.faults["look"] = []
    await line.advance(order_id)
    assert (await site.order(order_id)).heartbeat_at == agent.session.heartbeat


@pytest.mark.parametrize("deaf", [False, True], ids=["confirmed", "forced"])
async def test_a_cancelled_order_ends_its_session(site: Rig, agent: Agent, deaf: bool) -> None:
    order_id = await begin(site)
    line = site.line()
    while not agent.sessions or not agent.session.done:
        await line.advance(order_id)
    agent.deaf = deaf
    await site.change(order_id, cancel)
    await line.advance(order_id)
    assert agent.bodies["cancel"] == {"force": False}
    open_sessions = "SELECT count(*) FROM order_sessions WHERE ended_at IS NULL"
    assert [row.count for row in await site.rows(open_sessions)] == [int(deaf)]
    if deaf:
        past = datetime.now(UTC) - AGENTS.stop_deadline
        await site.execute("UPDATE order_sessions SET asked_at = :past", past=past)
    await site.drive(order_id)
    assert agent.bodies["cancel"] == {"force": deaf}
    assert [row.count for row in await site.rows(open_sessions)] == [0]
    assert agent.session.status == ("running" if deaf else "cancelled")


@pytest.mark.parametrize("then", ["goes on", "is cancelled"])
async def test_a_crash_before_the_record_starts_no_second_session(
    site: Rig, agent: Agent, builder: Builder, then: str
) -> None:
    order_id = await begin(site)
    builder.started = asyncio.Event()
    crashed = asyncio.create_task(site.line().advance(order_id))
    await builder.started.wait()
    crashed.cancel()
    await asyncio.wait({crashed})
    builder.started = None
    assert (await site.order(order_id)).session_id is None
    if then == "goes on":
        await site.line().advance(order_id)
        assert (await site.order(order_id)).session_id == agent.session.id
    else:
        await site.change(order_id, cancel)
        await site.drive(order_id)
        assert agent.session.status == "cancelled"
    assert len(agent.sessions) == 1


async def test_a_failed_session_fails_the_order_with_its_reason(site: Rig, agent: Agent) -> None:
    agent.patch = {"status": "failed", "error": "se acabó el disco"}
    order_id = await begin(site)
    await site.drive(order_id)
    order = await site.order(order_id)
    assert order.estado == "fallido"
    assert order.fallo is not None
    assert order.fallo["mensaje"] == "El agente no pudo construir el producto"
    told = {event.mensaje: event.visibilidad for event in await site.events(order_id)}
    assert {seen for text, seen in told.items() if "se acabó el disco" in text} == {"interno"}
    steps = await site.rows("SELECT step FROM order_steps WHERE finished_at IS NOT NULL")
    assert f"{StepKind.STOP_SESSION}:1" in {row.step for row in steps}
