"""The two lives whose every crossing is a death of the crash tests.

One ends delivered. Its approver asks the planner before approving, and its agent asks the client
before it builds on. The other begins with a worker that dies between the agent's start of a session
and its record. Then the order is cancelled, and the agent does not confirm at first that it stops.
Its deadline is over at once, so the second time it is forced.

The lists of crossings make themselves (decision 10). `crossings*.txt` are what lives without faults
cross, committed so that a new crossing is reviewed. To write them anew set AXON_TEST_UPDATE=1.
Maintenance is not in them: it goes by the clock, not by an order's life.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from crash_rig import Life, Scene
from ledger import Fault

__all__ = ["COURSES", "Course"]


@dataclass(frozen=True)
class Course:
    """A life: what happens before the worker that is watched, and how it must end."""

    golden: Path
    """The file of its crossings."""
    ending: str
    places: frozenset[str]
    """Where the outside world is changed; in the ledger's words."""
    faults: tuple[Fault, ...]
    doubtful: bool = False
    """Whether the approver asks the planner something before approving."""
    cancelled_after: str | None = None
    """The crossing at which a first worker dies. The order is cancelled then."""

    async def begin(self, stage: Scene) -> None:
        """Place the order on a stage."""
        stage.doubtful = self.doubtful
        stage.ledger.script(*self.faults)
        await stage.place()

    def known(self) -> list[str]:
        """Return the crossings that were reviewed."""
        return self.golden.read_text(encoding="utf-8").split() if self.golden.exists() else []

    def compare(self, crossings: list[str]) -> None:
        """Check that a life without faults crosses what was reviewed."""
        if os.environ.get("AXON_TEST_UPDATE"):
            self.golden.write_text("".join(f"{item}\n" for item in crossings), encoding="utf-8")
        assert crossings == self.known(), (
            "The crossings of an order's life have changed. Review them, then run this test with "
            f"AXON_TEST_UPDATE=1 to write {self.golden.name} anew."
        )

    def check(self, life: Life) -> None:
        """Check that nothing is wrong with the life to which all others are compared."""
        assert (life.state, life.problems) == (self.ending, ())
        assert {place for place, _ in life.effects} == self.places
        assert [place for place, _ in life.effects].count("builder.start") == 1
        ((_, outcome, is_open),) = life.sessions
        if self.ending == "cancelado":
            assert (outcome, is_open) == ("detenida", False)
            return
        assert (outcome, is_open) == ("terminada", False)
        assert [(who, arrived) for who, _, arrived in life.questions] == [
            ("planificador", True),
            ("cliente", True),
        ]
        assert life.answers == ("Español",)


_FOLDER = Path(__file__).parent

COURSES = (
    Course(
        _FOLDER / "crossings.txt",
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
        (Fault("builder.proceed", "ask", times=None, match="construir:scaffolding"),),
        doubtful=True,
    ),
    Course(
        _FOLDER / "crossings-cancelled.txt",
        "cancelado",
        frozenset({"planner.make_plan", "builder.start", "builder.stop"}),
        # Once: how often it is asked to stop must not depend on how fast it is asked.
        (Fault("builder.stop", "deaf"),),
        cancelled_after="port:builder.start:after#1",
    ),
)
