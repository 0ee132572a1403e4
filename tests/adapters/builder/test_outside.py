"""What the base of all outside builders makes of a look, whatever protocol has looked."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.builder.outside import Delivery, OutsideBuilder, Seen, Unheard
from axon_factory.domain.events import Visibility
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.builder import BuildReport, BuildRequest, BuildStatus, MilestoneReport
from axon_factory.ports.errors import PortError
from tests.support.builds import make_plan, make_request
from tests.support.bundles import Agent

MILESTONES = ("base", "api", "qa")


class Scripted(OutsideBuilder):
    """Shows what it is told to show."""

    name = "scripted"

    def __init__(self, seen: Seen | None) -> None:
        super().__init__(7.0, HandoverLimits())
        self._seen = seen

    async def reach(self) -> str:
        return ""

    async def _start(self, request: BuildRequest) -> str:
        return request.session_key

    async def _find(self, request: BuildRequest) -> str | None:
        return request.session_key

    async def _look(
        self,
        session_id: str,  # noqa: ARG002 — the script says all
        request: BuildRequest,
    ) -> BuildReport:
        if self._seen is None:
            raise Unheard("nada", cause=FailureCause.CONSTRUCCION_FALLIDA, transient=True)
        return await self._report(self._seen, request)

    async def _stop(
        self,
        session_id: str,  # noqa: ARG002 — as above
        request: BuildRequest,  # noqa: ARG002 — as above
        *,
        force: bool,
        idempotency_key: str,  # noqa: ARG002 — as above
    ) -> bool:
        return force


async def look(seen: Seen | None, request: BuildRequest) -> BuildReport:
    return await Scripted(seen).proceed("x", request, idempotency_key="k")


@pytest.fixture
def request_of(tmp_path: Path) -> BuildRequest:
    plan = make_plan(milestones=MILESTONES)
    return make_request(tmp_path / "product", plan=plan, completed=frozenset({"base"}), cursor="c")


def copied(bundle: Path) -> Callable[[Path], Awaitable[None]]:
    async def fetch(target: Path) -> None:
        await asyncio.to_thread(shutil.copyfile, bundle, target)

    return fetch


async def test_silence_keeps_the_cursor_and_reports_nothing(request_of: BuildRequest) -> None:
    report = await look(None, request_of)
    assert report == BuildReport(
        BuildStatus.WORKING, poll_after_seconds=7.0, cursor="c", heard=False
    )


async def test_the_end_of_the_plan_is_reported_only_at_the_end(request_of: BuildRequest) -> None:
    proven = tuple(MilestoneReport(one, "Agente", "hecho", "0" * 40) for one in MILESTONES)
    working = await look(Seen(proven=proven), request_of)
    assert ([one.id for one in working.milestones], working.poll_after_seconds) == (["api"], 7.0)
    ended = await look(Seen(proven=proven, ended=True), request_of)
    assert [one.id for one in ended.milestones] == ["api", "qa"]
    assert (ended.status, ended.poll_after_seconds) == (BuildStatus.FINISHED, 0.0)


async def test_a_delivery_is_taken_and_proves_milestones(
    request_of: BuildRequest, tmp_path: Path
) -> None:
    agent = Agent(tmp_path / "agent")
    commit = agent.commit({"app/main.py": "x = 1\n"}, "1/api")
    report = await look(Seen(delivery=Delivery("d", copied(agent.bundle()))), request_of)
    assert [(one.id, one.commit) for one in report.milestones] == [("api", commit)]


async def test_a_refused_delivery_is_noted_for_staff_or_fails(
    request_of: BuildRequest, tmp_path: Path
) -> None:
    (tmp_path / "no.bundle").write_bytes(b"no bundle")
    fetch = copied(tmp_path / "no.bundle")
    report = await look(Seen(delivery=Delivery("d", fetch, speaker="Agente")), request_of)
    assert [(log.key, log.visibility) for log in report.logs] == [("entrega-d", Visibility.INTERNO)]
    for seen in (
        Seen(delivery=Delivery("d", fetch)),
        Seen(delivery=Delivery("d", fetch, speaker="Agente"), ended=True),
    ):
        with pytest.raises(PortError) as caught:
            await look(seen, request_of)
        assert not caught.value.transient
