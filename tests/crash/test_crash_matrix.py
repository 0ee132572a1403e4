"""The crash matrix over processes: kill -9 at a crossing of an order's life, restart, and compare.

`make crash` kills at all crossings. `make test` kills at the few of `_REAL_DEATHS`, the same each
day, and at all others within one process (`test_every_crossing.py`).
"""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from courses import COURSES, Course
from crash_rig import Host, Life, Scene, scene

_AT_ONCE = 3  # of each run, more than half a second is waiting for a heartbeat to be missed
_REAL_DEATHS = {
    "entregado": ["port:builder.proceed:after#2", "commit:record.desplegar:before#1"],
    # Another worker has been killed before this one.
    "cancelado": ["port:builder.stop:after#1"],
}
"""After an effect without a record, in an open transaction, and after a stop without a record."""


@dataclass(frozen=True)
class Theatre:
    """Where lives are lived."""

    host: Host
    postgres_url: str
    template: str
    folder: Path

    async def undisturbed(self, course: Course) -> tuple[Life, list[str]]:
        """Return what a life leaves that nobody kills, and what it crosses."""
        async with self._scene("quiet") as stage:
            log = stage.folder / "crossings.log"
            await self._begin(course, stage)
            worker = await self.host.run("worker", stage, log=log)
            await stage.to_rest(seconds=60)
            await self.host.stop(worker, by=signal.SIGTERM)
            crossed = log.read_text(encoding="utf-8").split()
            life = await stage.life()
            return life, [item for item in crossed if "commit:maintenance" not in item]

    async def killed_at(self, course: Course, crossing: str, name: str) -> Life:
        """Return what a life leaves whose worker dies at `crossing` and has an heir."""
        async with self._scene(name) as stage:
            log = stage.folder / "crossings.log"
            await self._begin(course, stage)
            victim = await self.host.run("worker", stage, kill=crossing, log=log)
            life = asyncio.create_task(stage.to_rest(seconds=90))
            status = await asyncio.wait_for(victim.ended, 60)
            assert status == -signal.SIGKILL
            assert log.read_text(encoding="utf-8").split()[-1] == crossing
            heir = await self.host.run("worker", stage)
            await life
            await self.host.stop(heir)
            return await stage.life()

    async def _begin(self, course: Course, stage: Scene) -> None:
        stage.ending = course.ending
        if course.doubtful:
            await stage.listen()
        await course.begin(stage)
        if course.cancelled_after:
            first = await self.host.run("worker", stage, kill=course.cancelled_after)
            await stage.to_approval(seconds=60)
            await stage.approve()
            assert await asyncio.wait_for(first.ended, 60) == -signal.SIGKILL
            await stage.cancel()

    def _scene(self, name: str) -> AbstractAsyncContextManager[Scene]:
        return scene(self.postgres_url, self.template, self.folder / name)


@pytest.fixture
def theatre(host: Host, postgres_url: str, template_database: str, tmp_path: Path) -> Theatre:
    """Where the lives of one test are lived."""
    return Theatre(host, postgres_url, template_database, tmp_path)


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.ending)
@pytest.mark.timeout(600)  # on a busy machine
async def test_a_killed_process_changes_nothing(theatre: Theatre, course: Course) -> None:
    lives = [
        theatre.killed_at(course, crossing, str(number))
        for number, crossing in enumerate(_REAL_DEATHS[course.ending])
    ]
    for life in await asyncio.gather(*lives):
        course.check(life)


@pytest.mark.crash_matrix
@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.ending)
@pytest.mark.timeout(3600)
async def test_a_worker_killed_anywhere_changes_nothing(theatre: Theatre, course: Course) -> None:
    quiet, crossings = await theatre.undisturbed(course)
    course.check(quiet)
    assert crossings == course.known(), "processes cross what one process does not"
    assert await _different(theatre, course, crossings, quiet) == {}


async def _different(
    theatre: Theatre, course: Course, crossings: Sequence[str], quiet: Life
) -> dict[str, Life | str]:
    """Return of the crossings at which a death changes something what is left."""
    slots, lives = asyncio.Semaphore(_AT_ONCE), dict[str, Life | str]()

    async def one(number: int, crossing: str) -> None:
        async with slots:
            try:
                lives[crossing] = await theatre.killed_at(course, crossing, str(number))
            except (AssertionError, TimeoutError) as error:
                lives[crossing] = f"{type(error).__name__}: {error}"

    await asyncio.gather(*(one(number, item) for number, item in enumerate(crossings)))
    return {crossing: life for crossing, life in lives.items() if life != quiet}
