"""What the tests' A2A agent does about an order: acts, one after the other."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from a2a.server.tasks import TaskUpdater
from a2a.types.a2a_pb2 import Message, Part, TaskState
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value

from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.domain.plan import Plan
from axon_factory.ports.builder import BuildRequest
from tests.support.bundles import Agent as GitAgent
from tests.support.products import git

if TYPE_CHECKING:
    from tests.support.a2a_agent import A2AAgent

__all__ = [
    "COMPLETE_PRODUCT",
    "Act",
    "Ask",
    "Commit",
    "End",
    "HandOver",
    "Product",
    "Say",
    "Stage",
    "Wait",
    "WaitForFile",
    "data_of",
]


def data_of(message: Message) -> dict[str, Any]:
    """Return everything that a message brings as data, merged."""
    documents = [MessageToDict(part.data) for part in message.parts if part.HasField("data")]
    return {key: value for document in documents for key, value in document.items()}


class Act(Protocol):
    """One thing that the agent does; True means that it now waits for a message."""

    async def do(self, stage: "Stage", updater: TaskUpdater) -> bool: ...


@dataclass
class Stage:
    """One task: what is still to be done, and with what."""

    agent: "A2AAgent"
    folder: Path
    acts: list[Act]
    message: Message = field(default_factory=Message)
    repository: GitAgent | None = None
    said: int = 0
    built: set[str] = field(default_factory=set[str])

    async def play(self, updater: TaskUpdater, message: Message) -> None:
        """Go on until the script ends, or waits for a message."""
        if not self.message.parts:
            self.message.CopyFrom(message)
        while self.acts:
            if await self.acts.pop(0).do(self, updater):
                return

    @property
    def order(self) -> dict[str, Any]:
        """The data of the message that started the task."""
        return data_of(self.message)

    @property
    def work(self) -> GitAgent:
        """The agent's own repository, begun from the one that it was given."""
        if self.repository is None:
            self.repository = GitAgent(self.folder)
            given = [part.raw for part in self.message.parts if part.HasField("raw")]
            if given:
                bundle = self.folder / ".git" / "dado.bundle"
                bundle.write_bytes(given[0])
                git(self.folder, "fetch", "--quiet", str(bundle), "main")
                git(self.folder, "reset", "--quiet", "--hard", "FETCH_HEAD")
        return self.repository

    def new_message(
        self, updater: TaskUpdater, text: str, data: Mapping[str, Any] | None
    ) -> Message:
        parts = [Part(text=text)] if text else []
        if data:
            parts.append(Part(data=ParseDict(dict(data), Value())))
        self.said += 1
        message = updater.new_agent_message(parts)
        message.message_id = f"{updater.task_id[:8]}-{self.said}"
        return message


@dataclass(frozen=True)
class Say:
    """Tell of the work."""

    text: str
    data: Mapping[str, Any] | None = None

    async def do(self, stage: Stage, updater: TaskUpdater) -> bool:
        await updater.start_work(stage.new_message(updater, self.text, self.data))
        return False


@dataclass(frozen=True)
class Commit:
    """Commit a milestone, with its trailer or (`proof` False) without; "" is work for none."""

    milestone: str
    proof: bool = True

    async def do(self, stage: Stage, updater: TaskUpdater) -> bool:  # noqa: ARG002 — it says nothing
        attempt = int(stage.order["orden"]["intento"])
        trailers = (f"{attempt}/{self.milestone}",) if self.proof else ()
        name = f"{self.milestone or 'otro'}-{attempt}.txt"
        stage.work.commit({name: "hecho"}, *trailers, subject=f"Hito {self.milestone}")
        return False


@dataclass(frozen=True)
class HandOver:
    """Hand over the repository, or `instead` of it something else."""

    how: str = "raw"
    """ "raw", "chunks" or "url"."""
    instead: bytes | None = None
    url: str = ""
    """Where it says that it is: a path of the agent's own, or a whole URL."""

    async def do(self, stage: Stage, updater: TaskUpdater) -> bool:
        bundle = stage.work.bundle().read_bytes() if self.instead is None else self.instead
        if self.how == "url":
            name = f"{updater.task_id}.bundle"
            (stage.agent.folder / name).write_bytes(bundle)
            path = self.url or f"/files/{name}"
            address = path if "://" in path else f"{stage.agent.url}{path}"
            await updater.add_artifact([Part(url=address)], artifact_id="repositorio")
        elif self.how == "chunks":
            half = len(bundle) // 2
            await updater.add_artifact([Part(raw=bundle[:half])], artifact_id="repositorio")
            await updater.add_artifact(
                [Part(raw=bundle[half:])], artifact_id="repositorio", append=True, last_chunk=True
            )
        else:
            await updater.add_artifact([Part(raw=bundle)], artifact_id="repositorio")
        return False


@dataclass(frozen=True)
class Ask:
    """Ask, and wait for the answer."""

    text: str
    data: Mapping[str, Any] | None = None

    async def do(self, stage: Stage, updater: TaskUpdater) -> bool:
        await updater.requires_input(stage.new_message(updater, self.text, self.data))
        return True


@dataclass(frozen=True)
class Wait:
    """Say that one is here, and wait until the test opens the gate."""

    gate: str

    async def do(self, stage: Stage, updater: TaskUpdater) -> bool:  # noqa: ARG002 — it says nothing
        stage.agent.gate(f"at {self.gate}").set()
        await stage.agent.gate(self.gate).wait()
        return False


@dataclass(frozen=True)
class WaitForFile:
    """Wait until another process makes a file, which gives no event."""

    path: Path

    async def do(self, stage: Stage, updater: TaskUpdater) -> bool:  # noqa: ARG002 — it says nothing
        while not self.path.exists():  # noqa: ASYNC110 — a look takes no time
            await asyncio.sleep(0.05)
        return False


@dataclass(frozen=True)
class End:
    """Bring the task into a state, with a text."""

    state: TaskState = TaskState.TASK_STATE_COMPLETED
    text: str = ""

    async def do(self, stage: Stage, updater: TaskUpdater) -> bool:
        message = stage.new_message(updater, self.text, None) if self.text else None
        await updater.update_status(self.state, message)
        return True


@dataclass(frozen=True)
class Product:
    """Build the real product that was ordered, telling of each milestone."""

    milestones: int | None = None
    """How many of them; None: all that are left."""

    async def do(self, stage: Stage, updater: TaskUpdater) -> bool:
        request = _request_of(stage)
        builder = TemplateBuilder()
        session = await builder.start(request, idempotency_key="a2a")
        milestones = request.plan.milestones
        missing = len(milestones) - len(request.completed)
        for _ in range(missing if self.milestones is None else self.milestones):
            request = _request_of(stage)
            report = await builder.proceed(session, request, idempotency_key="a2a")
            stage.built.update(item.id for item in report.milestones)
            for item in report.milestones:
                done = len(request.completed) + 1
                progress = {"progreso": 100 * done // len(milestones), "milestone": item.id}
                await Say(item.message, progress).do(stage, updater)
        return False


def _request_of(stage: Stage) -> BuildRequest:
    order = stage.order
    about = order["orden"]
    return BuildRequest(
        order_id=about["id"],
        order_number=about["numero"],
        slug=about["slug"],
        product_type=about["tipo_producto"],
        product_name=about["nombre_producto"],
        attempt=int(about["intento"]),
        plan=Plan.model_validate(order["plan"]),
        client=order["cliente"],
        configuration=order["configuracion"],
        product_dir=stage.work.folder,
        completed=frozenset(order["hitos_completados"]) | stage.built,
    )


COMPLETE_PRODUCT: tuple[Act, ...] = (Product(), HandOver(), End(text="Producto terminado"))
"""The script of an agent that does what it is asked to."""
