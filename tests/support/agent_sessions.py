"""The sessions of the reference agent: real products, built milestone by milestone."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.domain.plan import Plan
from axon_factory.ports.builder import BuildRequest, Finding
from tests.support.products import LIGHT, git, write

__all__ = ["AgentSession", "LightProduct", "Maker", "TemplateProduct"]

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


class Maker(Protocol):
    """Builds a milestone in the session's repository and commits it with its trailer."""

    async def make(self, session: "AgentSession", milestone: str) -> None: ...


class LightProduct:
    """Commits a small product that passes every review, in no time."""

    async def make(self, session: "AgentSession", milestone: str) -> None:
        files = {f"docs/{milestone}.md": f"Intento {session.attempt}\n"}
        write(session.folder, files if session.done else {**LIGHT, **files})
        trailer = f"Axon-Milestone: {session.attempt}/{milestone}"
        git(session.folder, "add", "--all")
        git(session.folder, "commit", "--quiet", "-m", f"{milestone} construido\n\n{trailer}")


class TemplateProduct:
    """Has the factory's own builder build the order's product."""

    def __init__(self) -> None:
        self._builder = TemplateBuilder()

    async def make(self, session: "AgentSession", milestone: str) -> None:
        body, order = session.body, session.body["metadata"]
        plan = Plan.model_validate(body["plan"])
        request = BuildRequest(
            order_id=order["order_id"],
            order_number=order["order_number"],
            slug=body["product"]["slug"],
            product_type=order["tipo_producto"],
            product_name=body["product"]["nombre"],
            attempt=order["intento"],
            plan=plan,
            client=body["client"],
            configuration=body["configuration"],
            product_dir=session.folder.absolute(),
            findings=tuple(Finding(one["check"], one["message"]) for one in body["findings"]),
            completed=frozenset(one.id for one in plan.milestones if one.id != milestone),
        )
        own_session = await self._builder.start(request, idempotency_key="start")
        await self._builder.proceed(own_session, request, idempotency_key="proceed")


@dataclass
class AgentSession:
    """One order and attempt; `done` are the milestones that it has built."""

    id: str
    body: Mapping[str, Any]
    folder: Path
    base: Path | None
    status: str = "queued"
    done: list[str] = field(default_factory=list[str])
    logs: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    questions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    artifacts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    bundles: dict[str, Path] = field(default_factory=dict[str, Path])
    heartbeat: datetime = _EPOCH

    @property
    def attempt(self) -> int:
        return self.body["metadata"]["intento"]

    @property
    def missing(self) -> list[str]:
        known = {*self.done, *self.body["completed_milestones"]}
        return [one["id"] for one in self.body["plan"]["milestones"] if one["id"] not in known]

    @property
    def has_ended(self) -> bool:
        return self.status in {"completed", "failed", "cancelled"}

    async def work(self, maker: Maker) -> None:
        """Build the next milestone and hand it over; after the last one, say that it is done."""
        self.beat()
        if not self.folder.exists():
            self._begin()
        if not self.missing:
            self.status = "completed"
            return
        milestone = self.missing[0]
        await maker.make(self, milestone)
        self.done.append(milestone)
        self.log(f"{milestone} construido", level="success")
        self.hand_over()

    def beat(self) -> None:
        self.heartbeat = datetime.now(UTC)

    def log(self, message: str, **members: object) -> None:
        line = {"id": f"linea-{len(self.logs) + 1}", "message": message, "agent": "Builder Agent"}
        self.logs.append({**line, "at": datetime.now(UTC).isoformat(), **members})

    def ask(self, question: dict[str, Any]) -> None:
        self.questions.append(question)
        self.status = "waiting"

    def answer(self, answer: dict[str, Any]) -> bool:
        """Take an answer; False: nothing of the kind is open."""
        if all(one["id"] != answer["question_id"] for one in self.questions):
            return False
        self.questions = [one for one in self.questions if one["id"] != answer["question_id"]]
        self.answers.append(answer)
        self.status = "running"
        return True

    def hand_over(self, *, path: Path | None = None) -> None:
        """Offer the repository, or a bundle that a test has made."""
        if path is None:
            path = self.folder.parent / f"{self.id}-{len(self.artifacts)}.bundle"
            git(self.folder, "bundle", "create", "--quiet", str(path), "main")
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        self.bundles[digest] = path
        offer = {"type": "git_bundle", "url": f"bundles/{digest}", "sha256": digest}
        self.artifacts.append({**offer, "size": len(content)})

    def _begin(self) -> None:
        self.status = "running"
        self.folder.mkdir(parents=True)
        git(self.folder, "init", "--quiet", "--initial-branch", "main")
        if self.base is not None:
            git(self.folder, "pull", "--quiet", str(self.base), "main")
