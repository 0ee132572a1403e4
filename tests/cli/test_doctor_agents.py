"""What `axon doctor` says of the agents that build."""

import sys
from pathlib import Path

import pytest

from axon_factory.cli.checks import Check, Status, check_agents
from axon_factory.settings import load_settings
from tests.support.a2a_agent import A2AAgent, agent_on_loopback
from tests.support.agent_server import Agent, serving_agent

NOBODY = "http://127.0.0.1:9"


async def seen(**settings: object) -> list[Check]:
    return await check_agents(load_settings(**settings))


async def test_a_factory_that_builds_by_itself_needs_none() -> None:
    assert await seen() == []


async def test_agents_that_are_there(tmp_path: Path) -> None:
    async with (
        serving_agent(Agent(tmp_path)) as url,
        agent_on_loopback(A2AAgent(tmp_path)) as a2a,
    ):
        found = await seen(
            agent_http_url=url,
            agent_a2a_url=a2a.url,
            agent_command_profile="codex",
            agent_command_program=Path(sys.executable),
        )
    assert [(check.name, check.status) for check in found] == [
        ("Agente http", Status.OK),
        ("Agente a2a", Status.OK),
        ("Agente command", Status.OK),
    ]
    assert a2a.card.name in found[1].detail
    assert "codex" in found[2].detail


async def test_an_agent_that_refuses_the_token(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.faults["find"] = ["401!"]
    async with serving_agent(agent) as url:
        (check,) = await seen(builder="http", agent_http_url=url)
    assert check.status is Status.ERROR
    assert "AXON_AGENT_HTTP_TOKEN" in check.detail


@pytest.mark.parametrize(
    ("builder", "status"), [("a2a", Status.ERROR), ("templates", Status.WARNING)]
)
async def test_an_agent_that_is_away_matters_if_orders_go_to_it(
    builder: str, status: Status
) -> None:
    (check,) = await seen(builder=builder, agent_a2a_url=NOBODY)
    assert (check.status, check.name) == (status, "Agente a2a")
    assert "AXON_AGENT_A2A_" in check.action


async def test_a_program_that_is_not_there() -> None:
    (check,) = await seen(builder="command", agent_command_program=Path("/nowhere/codex"))
    assert (check.name, check.status) == ("Agentes", Status.ERROR)
    assert "/nowhere/codex" in check.detail
