"""Hints of agents: they wake the order they are about, and carry nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from axon_factory.adapters.builder.a2a import A2ABuilder, A2AOptions
from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.domain.states import OrderState
from tests.support.a2a_agent import A2AAgent, agent_on_loopback
from tests.support.a2a_script import Say, Wait
from tests.support.builds import make_request
from tests.support.copies import order_in
from tests.support.workshop import Workshop

LOOKING = "La fábrica mira ahora la sesión de la orden"
NOTHING = "La orden no tiene una sesión que mirar"


@pytest.fixture
async def building(workshop: Workshop) -> UUID:
    """An order whose session has begun, and for which no job waits."""
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    await workshop.line.advance(order_id)
    await _execute(workshop, "DELETE FROM procrastinate_jobs")
    return order_id


async def _execute(workshop: Workshop, statement: str) -> None:
    async with workshop.container.database.transaction("test") as session:
        await session.execute(text(statement))


async def _jobs_due(workshop: Workshop, order_id: UUID) -> int:
    query = (
        "SELECT count(*) FROM procrastinate_jobs "
        "WHERE lock = :lock AND status = 'todo' AND scheduled_at IS NULL"
    )
    async with workshop.container.database.reading() as session:
        found = await session.execute(text(query), {"lock": f"order:{order_id}"})
        return found.scalar_one()


async def _token(workshop: Workshop, order_id: UUID) -> str:
    return (await workshop.attempt_token(order_id))["X-System-Token"]


@pytest.mark.parametrize("header", ["X-System-Token", "X-A2A-Notification-Token"])
async def test_a_hint_wakes_the_order_and_changes_nothing(
    workshop: Workshop, building: UUID, header: str
) -> None:
    before = await workshop.show(building)
    headers = {header: await _token(workshop, building)}
    for _ in range(2):
        answer = await workshop.http.post(
            f"/api/orders/{building}/wake", headers=headers, json={"statusUpdate": {"estado": "qa"}}
        )
        assert (answer.status_code, answer.json()["message"]) == (200, LOOKING)
    assert await workshop.show(building) == before
    assert await _jobs_due(workshop, building) == 1


async def test_a_hint_pulls_the_next_look_forward(workshop: Workshop, building: UUID) -> None:
    headers = workshop.headers["admin"]
    await workshop.http.post(f"/api/orders/{building}/wake", headers=headers)
    await _execute(workshop, "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1h'")
    assert await _jobs_due(workshop, building) == 0
    await workshop.http.post(f"/api/orders/{building}/wake", headers=headers)
    assert await _jobs_due(workshop, building) == 1


@pytest.mark.parametrize(
    "state", [OrderState.PLANIFICACION, OrderState.CONSTRUCCION, OrderState.QA]
)
async def test_a_hint_about_no_session_does_nothing(workshop: Workshop, state: OrderState) -> None:
    order_id = await order_in(workshop, state)
    await _execute(workshop, "DELETE FROM procrastinate_jobs")
    answer = await workshop.http.post(
        f"/api/orders/{order_id}/wake", headers=await workshop.attempt_token(order_id)
    )
    assert (answer.status_code, answer.json()["message"]) == (200, NOTHING)
    assert await _jobs_due(workshop, order_id) == 0


async def test_a_hint_needs_the_token_of_this_attempt(workshop: Workshop, building: UUID) -> None:
    other = await order_in(workshop, OrderState.CONSTRUCCION)
    await _execute(workshop, "DELETE FROM procrastinate_jobs")
    tokens = {"axs_live_falso": 401, await _token(workshop, other): 404}
    for token, status in tokens.items():
        answer = await workshop.http.post(
            f"/api/orders/{building}/wake", headers={"X-A2A-Notification-Token": token}
        )
        assert answer.status_code == status
    assert await _jobs_due(workshop, building) == 0


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[A2AAgent]:
    async with agent_on_loopback(
        A2AAgent(tmp_path, script=(Wait("go"), Say("Va"), Wait("x")), pushes=True)
    ) as agent:
        yield agent


async def test_an_agents_push_arrives(
    workshop: Workshop, building: UUID, agent: A2AAgent, tmp_path: Path
) -> None:
    builder = A2ABuilder(A2AOptions(agent.url), HandoverLimits())
    request = replace(
        make_request(tmp_path / "bot"),
        order_id=str(building),
        agent_token=await _token(workshop, building),
        api_url=str(workshop.http.base_url).rstrip("/"),
    )
    await builder.start(request, idempotency_key="iniciar")
    agent.gate("go").set()
    await agent.gate("pushed").wait()
    assert agent.pushed == [200]
    assert await _jobs_due(workshop, building) == 1
