"""A reference agent on loopback, and the builder that speaks with it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.builder.http import AgentAddress, HttpBuilder
from axon_factory.ports.builder import BuildRequest
from tests.support.agent_server import Agent, serving_agent
from tests.support.builds import make_plan, make_request

TOKEN = "axn_system_for_this_attempt"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path / "agent")


@pytest.fixture
async def url(agent: Agent) -> AsyncGenerator[str]:
    async with serving_agent(agent) as url:
        yield url


@pytest.fixture
def builder(url: str) -> HttpBuilder:
    address = AgentAddress(url, "agent-token", timeout_seconds=1, max_bundle_bytes=200_000)
    return HttpBuilder(address, poll_seconds=7, limits=HandoverLimits(bundle_bytes=200_000))


@pytest.fixture
def order(tmp_path: Path) -> BuildRequest:
    return make_request(
        tmp_path / "product",
        builder="http",
        goal="Construir",
        plan=make_plan(milestones=("base", "qa")),
        configuration={"idioma": "es", "stripe": {"api_key": "sk_live_1", "moneda": "MXN"}},
        api_url="https://fabrica.example",
        agent_token=TOKEN,
    )
