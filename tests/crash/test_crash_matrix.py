"""The crash matrix: kill -9 at every crossing of an order's life, restart, and compare.

Two lives are lived. One ends delivered: its approver asks the planner before approving, and its
agent asks the client before it builds on. The other begins with a worker that dies between the
agent's start of a session and its record; then the order is cancelled, and the agent does not
confirm at first that it stops. Its deadline is over at once, so the second time it is forced.

The lists of crossings make themselves (decision 10): `crossings*.txt` are what lives without faults
cross, committed so that a new crossing is reviewed. To write them anew set AXON_TEST_UPDATE=1.
Maintenance is not in them: it goes by the clock, not by an order's life.
`make test` kills at every sixth crossing, beginning with another one each day, so that six days in
a row kill at all of them; `make crash` kills at all.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crash_rig import Host, Life, Scene, scene
from ledger import Fault

_AT_ONCE = 3  # of each run, more than half a second is waiting for a heartbeat to be missed
_STEP = 6


@dataclass(frozen=True)
class Course:
    """A life: what happens before the worker that is watched, and how it must end."""

    name: str
    begin: Callable[[Host, Scene], Awaitable[None]]
    ending: str
    places: frozenset[str]
    """Where the outside world is changed; in the ledger's words."""

    @property
    def golden(self) -> Path:
        """The file of its crossings."""
        return Path(__file__).with_name(self.name)

    def known(self) -> list[str]:
        """Return the crossings that were reviewed."""
        golden = self.golden
        return golden.read_text(encoding="utf-8").split() if golden.exists() else []


async def _with_questions(_host: Host, stage: Scene) -> None:
    stage.doubtful = True
    stage.ledger.script(Fault("builder.proceed", "ask", times=None, match="construir:scaffolding"))
    await stage.listen()
    await stage.place()


async def _cancelled_unrecorded(host: Host, stage: Scene) -> None:
    stage.ending = "cancelado"
    # Once, whatever the deadline: how often it is asked must not depend on how fast it is asked.
    stage.ledger.script(Fault("builder.stop", "deaf"))
    await stage.place()
    first = await host.run("worker", stage, kill="port:builder.start:after#1")
    await stage.to_approval(seconds=60)
    await stage.approve()
    assert await asyncio.wait_for(first.ended, 60) == -signal.SIGKILL
    await stage.cancel()


_COURSES = (
    Course(
        "crossings.txt",
        _with_questions,
        "entregado",
        frozenset(
            {
                "planner.make_plan",
                "planner.answer",
                "builder.start",
                "builder.proceed",
                "git_host.publish",
                "council.run_check",
                "deployer.deploy",
            }
        ),
    ),
    Course(
        "crossings-cancelled.txt",
        _cancelled_unrecorded,
        "cancelado",
        frozenset({"planner.make_plan", "builder.start", "builder.stop"}),
    ),
)


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
            await course.begin(self.host, stage)
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
            await course.begin(self.host, stage)
            victim = await self.host.run("worker", stage, kill=crossing, log=log)
            life = asyncio.create_task(stage.to_rest(seconds=90))
            status = await asyncio.wait_for(victim.ended, 60)
            assert status == -signal.SIGKILL
            assert log.read_text(encoding="utf-8").split()[-1] == crossing
            heir = await self.host.run("worker", stage)
            await life
            await self.host.stop(heir)
            return await stage.life()

    def _scene(self, name: str) -> AbstractAsyncContextManager[Scene]:
        return scene(self.postgres_url, self.template, self.folder / name)


@pytest.fixture
def theatre(host: Host, postgres_url: str, template_database: str, tmp_path: Path) -> Theatre:
    """Where the lives of one test are lived."""
    return Theatre(host, postgres_url, template_database, tmp_path)


def _every_sixth(crossings: Sequence[str]) -> Sequence[str]:
    today = datetime.now(UTC).toordinal() % _STEP
    first = int(os.environ.get("AXON_TEST_CRASH_FIRST", today))
    print(f"killing at every sixth crossing; repeat with AXON_TEST_CRASH_FIRST={first}")  # noqa: T201 — pytest shows it where the test fails
    return crossings[first::_STEP]


@pytest.mark.parametrize("course", _COURSES, ids=lambda course: course.ending)
@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(_every_sixth, id="every sixth"),
        pytest.param(list[str], id="all", marks=pytest.mark.crash_matrix),
    ],
)
@pytest.mark.timeout(3600)  # all of them, on a busy machine
async def test_a_worker_killed_anywhere_changes_nothing(
    theatre: Theatre, chosen: Callable[[Sequence[str]], Sequence[str]], course: Course
) -> None:
    quiet, crossings = await theatre.undisturbed(course)
    _check(quiet, course)
    if os.environ.get("AXON_TEST_UPDATE"):
        course.golden.write_text("".join(f"{item}\n" for item in crossings), encoding="utf-8")
    assert crossings == course.known(), (
        "The crossings of an order's life have changed. Review them, then run this test with "
        f"AXON_TEST_UPDATE=1 to write {course.golden.name} anew."
    )

    slots, lives = asyncio.Semaphore(_AT_ONCE), dict[str, Life | str]()

    async def one(number: int, crossing: str) -> None:
        async with slots:
            try:
                lives[crossing] = await theatre.killed_at(course, crossing, str(number))
            except (AssertionError, TimeoutError) as error:
                lives[crossing] = f"{type(error).__name__}: {error}"

    await asyncio.gather(*(one(number, item) for number, item in enumerate(chosen(crossings))))

    different = {crossing: life for crossing, life in lives.items() if life != quiet}
    assert different == {}


def _check(life: Life, course: Course) -> None:
    """Nothing is wrong with a life to which all others are compared."""
    assert (life.state, life.problems) == (course.ending, ())
    assert {place for place, _ in life.effects} == course.places
    assert [place for place, _ in life.effects].count("builder.start") == 1
    ((_, outcome, is_open),) = life.sessions
    if course.ending == "cancelado":
        assert (outcome, is_open) == ("detenida", False)
        return
    assert (outcome, is_open) == ("terminada", False)
    assert [(who, told) for who, _, told in life.questions] == [
        ("planificador", True),
        ("cliente", True),
    ]
    assert life.answers == ("Español",)
