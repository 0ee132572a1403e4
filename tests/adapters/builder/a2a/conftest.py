"""An agent of the official SDK on loopback, and the builder that talks to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from axon_factory.adapters.builder.a2a import A2ABuilder, A2AOptions
from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.ports.builder import BuildReport, BuildRequest, BuildStatus
from tests.support.a2a_agent import A2AAgent, agent_on_loopback
from tests.support.builds import make_plan, make_request

TOKEN = "ficha-del-agente"
MILESTONES = ("base", "api", "qa")


@dataclass
class Session:
    """The builder's side of one attempt, as the line plays it."""

    agent: A2AAgent
    builder: A2ABuilder
    request: BuildRequest
    id: str = ""

    async def start(self) -> str:
        self.id = await self.builder.start(self.request, idempotency_key="iniciar")
        return self.id

    async def look(self, **changes: Any) -> BuildReport:  # noqa: ANN401 — fields of BuildRequest
        """Look once, and remember what was reported as the order does."""
        request = replace(self.request, **changes)
        report = await self.builder.proceed(self.id, request, idempotency_key="construir")
        done = {item.id for item in report.milestones}
        self.request = replace(
            self.request, cursor=report.cursor, completed=self.request.completed | done
        )
        return report

    async def until_finished(self, *, most: int = 50) -> list[BuildReport]:
        """Look until the session is finished."""
        reports: list[BuildReport] = []
        while not reports or reports[-1].status is BuildStatus.WORKING:
            assert len(reports) < most, "the session does not finish"
            reports.append(await self.look())
        return reports


Begin = Callable[..., Any]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    """Return a function that serves an agent and returns the session with it, not yet started."""
    async with AsyncExitStack() as stack:

        async def begin(options: dict[str, Any] | None = None, **agent: Any) -> Session:  # noqa: ANN401 — fields of A2AAgent
            folder = tmp_path / f"agente-{uuid4().hex}"
            folder.mkdir()
            agent.setdefault("token", TOKEN)
            served = await stack.enter_async_context(agent_on_loopback(A2AAgent(folder, **agent)))
            known = {"token": TOKEN, "timeout_seconds": 10.0, "poll_seconds": 0.05}
            builder = A2ABuilder(
                A2AOptions(served.url, **{**known, **(options or {})}),
                HandoverLimits(bundle_bytes=2**20),
            )
            request = make_request(
                tmp_path / "productos" / "bot",
                plan=make_plan(milestones=MILESTONES),
                builder="a2a",
                goal="Construir un producto",
                agent_token="axs_live_prueba",
                api_url="https://fabrica.example",
            )
            return Session(served, builder, request)

        yield begin
