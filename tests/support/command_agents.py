"""Command builders over the fake agent, and short words for what tests do with them."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from axon_factory.adapters.builder.command import (
    PROFILES,
    CommandBuilder,
    CommandOptions,
    Program,
    find_program,
)
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.ports.builder import (
    AgentAnswer,
    AgentLog,
    AgentQuestion,
    BuildReport,
    BuildStatus,
)
from axon_factory.ports.planner import ModelUse
from tests.support.builds import make_plan, make_request

__all__ = [
    "BASE",
    "MILESTONES",
    "Bench",
    "Steps",
    "Watched",
    "agent_program",
    "command_options",
    "told",
]

Steps = Sequence[Sequence[Any]]
"""What the fake agent does: a word and what it needs, each."""

SOURCE = Path(__file__).resolve().parents[2] / "src"
MILESTONES = ("base", "api", "qa")
BASE = MILESTONES[0]


@cache
def _program(folder: Path) -> Program:
    return find_program(agent_program(folder), "agente")


def agent_program(folder: Path) -> Path:
    """Install the fake agent as a program of its own; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "agente"
    if not program.exists():
        code = Path(__file__).with_name("fake_agent.py").read_text(encoding="utf-8")
        program.write_text(f"#!{sys.executable}\n{code}", encoding="utf-8")
        program.chmod(0o755)
    return program


def told(profile: str, *steps: Sequence[Any], runs: Sequence[Any] = ()) -> dict[str, str]:
    """Return the environment that tells the fake agent what to do."""
    document = {"profile": profile, "runs": runs} if runs else {"profile": profile, "do": steps}
    return {"FAKE_AGENT": json.dumps(document)}


def command_options(
    folder: Path,
    *steps: Sequence[Any],
    profile: str = "opencode",
    **changes: Any,  # noqa: ANN401 — fields of CommandOptions, or the fake agent's `runs`
) -> CommandOptions:
    """Return options under which the fake agent, installed in `folder`, takes `steps`."""
    runs = changes.pop("runs", ())
    options = CommandOptions(
        profile=PROFILES[profile],
        program=_program(folder),
        secrets=told(profile, *steps, runs=runs),
        folders=(SOURCE,),
        poll_seconds=0.05,
        grace_seconds=0.3,
        patience_seconds=1.0,
        seconds=60.0,
    )
    return replace(options, **changes)


@dataclass
class Watched:
    """Everything that a session has reported until it rested."""

    reports: list[BuildReport] = field(default_factory=list[BuildReport])

    @property
    def logs(self) -> list[AgentLog]:
        return [log for report in self.reports for log in report.logs]

    @property
    def uses(self) -> list[ModelUse]:
        return [use for report in self.reports for use in report.uses]

    @property
    def milestones(self) -> list[str]:
        return [done.id for report in self.reports for done in report.milestones]

    @property
    def last(self) -> BuildReport:
        return self.reports[-1]


class Bench:
    """A builder over the fake agent, a request for it, and a folder for both."""

    def __init__(self, folder: Path, sandbox: Sandbox, options: CommandOptions) -> None:
        self.folder = folder
        self.root = folder / "sessions"
        self.sandbox = sandbox
        self.builder = CommandBuilder(self.root, self.sandbox, options)
        plan = make_plan(milestones=MILESTONES)
        self.request = make_request(folder / "products" / "bot", plan=plan, goal="Construir.")

    @property
    def session(self) -> Path:
        return self.root / f"{self.request.order_id}-{self.request.attempt}"

    @property
    def workspace(self) -> Path:
        return self.session / "agent" / "workspace"

    def again(self, options: CommandOptions) -> "Bench":
        """Return another worker's builder over the same folders and the same request."""
        other = Bench(self.folder, self.sandbox, options)
        other.request = self.request
        return other

    async def start(self) -> str:
        return await self.builder.start(self.request, idempotency_key="start")

    async def look(self, session_id: str) -> BuildReport:
        """Look once, and remember what the line would remember of it."""
        report = await self.builder.proceed(session_id, self.request, idempotency_key="look")
        done = {milestone.id for milestone in report.milestones}
        self.request = replace(
            self.request, completed=self.request.completed | done, cursor=report.cursor, answers=()
        )
        return report

    async def watch(
        self,
        session_id: str,
        *,
        until: Any = None,  # noqa: ANN401 — any condition on what was seen
        seen: Watched | None = None,
    ) -> Watched:
        """Look until the session is finished, asks, or `until` holds of what was `seen`."""
        seen = seen or Watched()
        async with asyncio.timeout(30):
            while True:
                report = await self.look(session_id)
                seen.reports.append(report)
                if report.status is BuildStatus.FINISHED or report.questions:
                    return seen
                if until is not None and until(seen):
                    return seen
                await asyncio.sleep(min(report.poll_after_seconds, 0.05))

    async def run(self) -> Watched:
        """Start, and watch to the end."""
        return await self.watch(await self.start())

    def answer(self, question: AgentQuestion, text: str) -> None:
        """Let the next look bring an answer."""
        answer = AgentAnswer(question.key, 1, question.text, text)
        self.request = replace(self.request, answers=(answer,))

    async def stop(self, session_id: str, *, force: bool = False) -> bool:
        return await self.builder.stop(
            session_id, self.request, force=force, idempotency_key="stop"
        )

    def launched(self) -> int:
        """Count the launchers that there have ever been for the session."""
        return len(list(self.session.glob("run-*.json")))
