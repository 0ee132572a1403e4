"""A worker dies at every crossing of an order's life, and another one goes on: nothing changes.

The workers live in this process (`killable_worker.py`), so that all crossings fit into `make test`.
`test_crash_matrix.py` kills processes.

First a life without deaths is recorded: of each job how the order stood before it, and what the job
crosses. In each later life a worker dies whenever the order stands before a job with a crossing at
which none has died yet. Its heir does that job whole. So an order lives through some dozen deaths,
and a dozen orders through all of them. A job is a turn of at most three steps (`SHORT_TURNS`).
After a death, turns of one step lead back to where the recorded ones end, and an order must come
to stand as it did in the recorded life, and at its end it must be the same.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from courses import COURSES, Course
from crash_rig import Life, Scene
from killable_worker import KillableWorker, Killed, Workplace, workplace
from ledger import Ledger
from ledger_ports import ledger_ports

from axon_factory.line.step import LinePorts
from tests.support.databases import folder_in_memory

_SOON = 4
"""How many jobs after a death an order stands again as one whose workers live."""
_ACTS = 3
"""How often people look at an order that has no job."""
_QUEUED = """
    SELECT task_name, count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')
    GROUP BY task_name ORDER BY task_name
"""
_STEPS = """
    SELECT intento, step, failures, finished_at IS NULL FROM order_steps WHERE order_id = :order
    ORDER BY intento, step
"""
_JOB_SECONDS = 60
_MOMENT = 0.005
"""Seconds between two looks for a job that is scheduled."""

Standing = tuple[Any, ...]
"""How an order stands between two jobs, without times and ids."""


@dataclass(frozen=True)
class _Job:
    """One job of the recorded life."""

    before: Standing
    crossings: list[str]
    untried: list[int] = field(default_factory=list[int])
    """Numbers of the crossings at which no worker has died yet, from 1."""


class _Order:
    """One order and its present worker."""

    def __init__(self, place: Workplace, stage: Scene, ports: LinePorts) -> None:
        self.stage = stage
        self._place = place
        self._ports = ports
        self._worker: KillableWorker | None = None

    async def kill(self, crossing: int | str) -> None:
        """Let the worker die at a crossing of its next job."""
        self.stage.deaths += 1
        with pytest.raises(Killed):
            await self._work(die_at=crossing)
        self._worker = None

    async def _work(self, *, die_at: int | str | None = None, single: bool = False) -> list[str]:
        if self._worker is None:
            self._worker = await KillableWorker.begin(self._place, self._ports)
        async with asyncio.timeout(_JOB_SECONDS):
            while (  # noqa: ASYNC110 — a row
                crossed := await self._worker.work(die_at=die_at, single=single)
            ) is None:
                await asyncio.sleep(_MOMENT)  # it is scheduled
        return crossed

    async def live_on(self, *, single: bool = False) -> list[str]:
        """Do the next job, or with `single` its first step, and return what it crossed."""
        return await self._work(single=single)

    async def lives(self) -> bool:
        """Do what people do until there is a job. Return False when the order's life is over."""
        for _ in range(_ACTS):
            if await self.stage.rows(_QUEUED):
                return True
            if await self.stage.act_or_rest():
                return False
        raise AssertionError(f"nothing moves it: {await self.stage.look()}")

    async def standing(self) -> Standing:
        """Return how the order stands."""
        queued, steps = await self.stage.rows(_QUEUED), await self.stage.rows(_STEPS)
        look = await self.stage.look()
        life = replace(await self.stage.life(), problems=())  # those are of lives that are over
        return tuple(map(tuple, queued)), tuple(map(tuple, steps)), tuple(look.values()), life


@dataclass(frozen=True)
class _Lives:
    """Lives of orders in one database, one after the other."""

    place: Workplace
    course: Course
    stage: Scene
    numbers: "count[int]"

    async def recorded(self) -> tuple[Life, list[_Job]]:
        """Return what a life without deaths leaves, and its jobs."""
        jobs = list[_Job]()
        async with self._order() as order:
            while await order.lives():
                standing = await order.standing()
                crossed = await order.live_on()
                jobs.append(_Job(standing, crossed, list(range(1, len(crossed) + 1))))
            return await order.stage.life(), jobs

    async def deadly(self, jobs: Sequence[_Job]) -> tuple[Life, list[str]]:
        """Return what a life with many deaths leaves, and where its workers died."""
        known, deaths, unknown = {job.before: job for job in jobs}, list[str](), 0
        async with self._order() as order:
            while await order.lives():
                job = known.get(await order.standing())
                unknown = unknown + 1 if job is None else 0
                assert unknown < _SOON, f"not as without deaths since {deaths[-1:]}"
                if job is None or not job.untried:
                    # After a death turns end elsewhere; step by step they come to be in step again.
                    await order.live_on(single=job is None)
                    continue
                crossing = job.untried.pop(0)
                deaths.append(f"{job.crossings[crossing - 1]} of {job.crossings}")
                await order.kill(crossing)
                await order.live_on()
            return await order.stage.life(), deaths

    @asynccontextmanager
    async def _order(self) -> AsyncGenerator[_Order]:
        ledger = Ledger(self.stage.folder / str(next(self.numbers)))
        stage = replace(self.stage, ledger=ledger, ending=self.course.ending, deaths=0)
        await self.course.begin(stage)
        async with ledger_ports(ledger, stage.database_url) as ports:
            order = _Order(self.place, stage, ports)
            if self.course.cancelled_after:
                await _cancel_after(order, self.course.cancelled_after)
            yield order


async def _cancel_after(order: _Order, crossing: str) -> None:
    """Let a worker die at a crossing in the first job of `construccion`, and cancel the order."""
    while await order.lives():
        if (await order.stage.look())["estado"] == "construccion":
            await order.kill(crossing)
            await order.stage.cancel()
            return
        await order.live_on()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where ledgers are written: in memory if possible, for each entry waits for the disk."""
    with tempfile.TemporaryDirectory(dir=folder_in_memory() or tmp_path) as name:
        yield Path(name) / "lives"


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.ending)
@pytest.mark.timeout(900)  # on a busy machine
async def test_a_worker_that_dies_anywhere_changes_nothing(
    course: Course, postgres_url: str, template_database: str, folder: Path
) -> None:
    async with workplace(postgres_url, template_database, folder) as (stage, place):
        if course.doubtful:
            await stage.listen()
        lives = _Lives(place, course, stage, count())
        quiet, jobs = await lives.recorded()
        course.check(quiet)
        course.compare(_numbered(jobs))
        assert len({job.before for job in jobs}) == len(jobs)
        while any(job.untried for job in jobs):
            life, deaths = await lives.deadly(jobs)
            assert deaths, "some crossings are never come to again"
            assert life == quiet, deaths


def _numbered(jobs: Sequence[_Job]) -> list[str]:
    """Return the crossings of all jobs as failpoints name them."""
    found, crossings = Counter[str](), list[str]()
    for crossing in (crossing for job in jobs for crossing in job.crossings):
        found[crossing] += 1
        crossings.append(f"{crossing}#{found[crossing]}")
    return crossings
