"""The line with an agent of the official A2A SDK: built, asked, crashed, woken, cancelled."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from a2a.types.a2a_pb2 import TaskState
from rig import ADMIN, POLICY, Rig, cancel
from sqlalchemy import select
from sqlmodel import col

from axon_factory.adapters.builder.a2a import A2ABuilder, A2AOptions
from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.builder.outside import ChosenBuilder
from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.events import EventKind
from axon_factory.ports.builder import BuildRequest
from axon_factory.ports.crossing import crossing
from tests.support.a2a_agent import A2AAgent, agent_on_loopback
from tests.support.a2a_script import Ask, Commit, End, HandOver, Say, Wait

AGENTS = replace(POLICY.agents, builder="a2a", stop_poll=timedelta(milliseconds=10))
QUICK = (Commit("scaffolding"), HandOver(), End(text="Listo"))


class Builder(A2ABuilder):
    """Can be held between the agent's answer to `start` and its record, as by a crash."""

    started: asyncio.Event | None = None

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        session = await super().start(request, idempotency_key=idempotency_key)
        if self.started is not None:
            self.started.set()
            await asyncio.Event().wait()
        return session


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncGenerator[A2AAgent]:
    folder = tmp_path / "agente"
    folder.mkdir()
    async with agent_on_loopback(A2AAgent(folder, script=QUICK)) as agent:
        yield agent


@pytest.fixture
def builder(agent: A2AAgent) -> Builder:
    return Builder(A2AOptions(agent.url, timeout_seconds=5, poll_seconds=0.5), HandoverLimits())


@pytest.fixture
def site(rig: Rig, builder: Builder) -> Rig:
    chosen = crossing("builder", ChosenBuilder({"a2a": builder}))
    ports = replace(rig.ports, builder=chosen)
    return replace(rig.with_policy(agents=AGENTS), ports=ports)


async def begin(site: Rig) -> UUID:
    """Bring an order to where its session is due."""
    return await site.reach("construccion")


async def advance(site: Rig, order_id: UUID, until: str) -> Order:
    """Advance until the order is in `until`."""
    line = site.line()
    for _ in range(100):
        if (order := await site.order(order_id)).estado == until:
            return order
        await line.advance(order_id)
    raise AssertionError(f"never {until}: {(await site.order(order_id)).fallo}")


async def answer(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
    """Answer the order's question as a person does."""
    question = await session.scalar(
        select(OrderQuestion).where(col(OrderQuestion.order_id) == order.id)
    )
    question.answer, question.answered_at = "Azul", now
    question.answered_by, question.answered_by_name = ADMIN.actor.id, ADMIN.actor.name
    order.espera = None


async def test_an_agent_builds_an_order_up_to_its_review(site: Rig, agent: A2AAgent) -> None:
    progress = {"progreso": 60, "milestone": "scaffolding"}
    agent.script = (
        Say("Va", progress),
        Commit("scaffolding"),
        HandOver(),
        Commit("qa"),
        *QUICK[1:],
    )
    order_id = await begin(site)
    order = await advance(site, order_id, "qa")
    (task,) = await agent.all_tasks()
    assert (order.session_id, order.progreso, order.builder) == (task.id, 95, "a2a")
    assert (site.products / order.slug / "qa-1.txt").exists()
    done = await site.rows(
        "SELECT milestone_id FROM order_milestones WHERE order_id = :i", i=order_id
    )
    assert {row.milestone_id for row in done} == {item["id"] for item in order.plan["milestones"]}
    said = [one for one in await site.events(order_id) if one.kind == EventKind.REGISTRO]
    assert [(one.agente, one.mensaje) for one in said] == [
        ("Constructor A2A", "Va"),
        ("Constructor A2A", "Listo"),
    ]
    assert order.reported is not None
    assert (order.reported["percent"], order.reported["milestones"]) == (60, ["scaffolding"])
    assert agent.documents()["api"]["system_token"].startswith("axs_live_")


async def test_a_question_waits_for_its_answer_and_the_agent_gets_it(
    site: Rig, agent: A2AAgent
) -> None:
    agent.script = (Ask("¿Qué color?"), *QUICK)
    order_id = await begin(site)
    await site.drive(order_id)
    assert (await site.order(order_id)).espera == "operador"
    await site.change(order_id, answer)
    await advance(site, order_id, "qa")
    assert [message.parts[0].text for message in agent.received][1:] == ["Azul"]
    (row,) = await site.rows("SELECT delivered_at FROM order_questions")
    assert row.delivered_at is not None


@pytest.mark.parametrize("then", ["goes on", "is cancelled"])
async def test_a_crash_before_the_record_starts_no_second_task(
    site: Rig, agent: A2AAgent, builder: Builder, then: str
) -> None:
    agent.script = (Say("Voy"), Wait("x"))
    order_id = await begin(site)
    builder.started = asyncio.Event()
    crashed = asyncio.create_task(site.line().advance(order_id))
    await builder.started.wait()
    crashed.cancel()
    await asyncio.wait({crashed})
    builder.started = None
    (task,) = await agent.all_tasks()
    if then == "goes on":
        await site.line().advance(order_id)
        assert (await site.order(order_id)).session_id == task.id
    else:
        await site.change(order_id, cancel)
        await site.drive(order_id)
        assert not (await site.order(order_id)).session_open
    assert [one.id for one in await agent.all_tasks()] == [task.id]


async def test_a_lost_task_is_begun_anew(site: Rig, agent: A2AAgent) -> None:
    agent.script = (Commit("scaffolding"), HandOver(), Say("Va"), Wait("x"))
    order_id = await begin(site)
    line = site.line()
    while not (await site.order(order_id)).progreso:
        await line.advance(order_id)
    await agent.forget()
    agent.script = (Commit("otro"), HandOver(), End())
    order = await advance(site, order_id, "qa")
    assert order.intento == 2
    assert agent.documents()["hitos_completados"] == ["scaffolding"]
    assert (site.products / order.slug / "scaffolding-1.txt").exists()


async def test_a_cancelled_order_ends_its_task(site: Rig, agent: A2AAgent) -> None:
    agent.script = (Say("Va"), Wait("x"))
    order_id = await begin(site)
    await site.line().advance(order_id)
    await site.change(order_id, cancel)
    await site.drive(order_id)
    (event,) = [one for one in await site.events(order_id) if "parada" in one.details]
    assert event.details["parada"] == "confirmada"
    (task,) = await agent.all_tasks()
    assert task.status.state == TaskState.TASK_STATE_CANCELED
