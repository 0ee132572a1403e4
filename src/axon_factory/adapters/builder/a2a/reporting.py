"""From a task to a report: its state, its words, and the git bundles that it has handed over."""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from a2a.types.a2a_pb2 import Artifact, Part, Task, TaskState

from axon_factory.adapters.builder.a2a.connection import Agent
from axon_factory.adapters.builder.a2a.errors import failure, readable
from axon_factory.adapters.builder.a2a.messages import (
    BUNDLE_TYPE,
    Said,
    open_question,
    read_messages,
    spoken_at,
    status_text,
)
from axon_factory.adapters.builder.handover import (
    HandoverLimits,
    before_the_end,
    final_milestones,
    pack_bundle,
    take_bundle,
    verified_milestones,
)
from axon_factory.adapters.builder.repository import Repository
from axon_factory.domain.events import LogLevel, Visibility
from axon_factory.ports.builder import (
    AgentLog,
    BuildReport,
    BuildRequest,
    BuildStatus,
    MilestoneReport,
    SessionLost,
)
from axon_factory.ports.errors import PortError

_SIGNATURES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
_SUFFIX = ".bundle"
_S = TaskState
_LONGEST_NAME = 100
_SOON_SECONDS = 1.0
_NO_REASON = "no dice por qué"


class Delivery:
    """An artifact that is a git bundle: its bytes, or where the agent keeps it."""

    def __init__(self, artifact: Artifact) -> None:
        """`artifact` is one for which `is_bundle` holds."""
        self._artifact = artifact

    @property
    def digest(self) -> str:
        """Tells one delivery from the next, by content or else by address and metadata."""
        whole = self._artifact.SerializeToString(deterministic=True)
        return hashlib.sha256(whole).hexdigest()

    async def fetch(self, agent: Agent) -> bytes:
        """Return the bundle.

        Raises:
            PortError: it is not where the agent says, or not on the agent's own server.
        """
        raw = b"".join(part.raw for part in self._artifact.parts if part.HasField("raw"))
        if raw:
            return raw
        address = next(part.url for part in self._artifact.parts if part.HasField("url"))
        return await agent.download(address)


def newest_delivery(task: Task) -> Delivery | None:
    """Return the last of the task's artifacts that is a bundle, if there is one."""
    bundles = [artifact for artifact in task.artifacts if _is_bundle(artifact)]
    return Delivery(bundles[-1]) if bundles else None


async def own_bundle(repository: Repository, most_bytes: int) -> bytes | None:
    """Return what the product's repository holds already: the agent's history has to continue it.

    None: there is nothing yet, or it is larger than a message should be.

    Raises:
        PortError: the repository could not be read.
    """
    with tempfile.TemporaryDirectory(prefix="axon-a2a-") as folder:
        target = Path(folder) / "repositorio.bundle"
        if await pack_bundle(repository, target) is None or target.stat().st_size > most_bytes:
            return None
        return await asyncio.to_thread(target.read_bytes)


@asynccontextmanager
async def written(bundle: bytes) -> AsyncGenerator[Path]:
    """Keep a bundle in a file for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="axon-a2a-") as folder:
        path = Path(folder) / "entrega.bundle"
        await asyncio.to_thread(path.write_bytes, bundle)
        yield path


def _is_bundle(artifact: Artifact) -> bool:
    """Return whether the artifact is a bundle; raw parts are its pieces, in order."""
    first = next(iter(artifact.parts), None)
    if first is None:
        return False
    if first.HasField("raw"):
        return first.raw.startswith(_SIGNATURES)
    return first.HasField("url") and _is_named_bundle(first)


def _is_named_bundle(part: Part) -> bool:
    address = part.url.partition("?")[0]
    return (
        part.media_type == BUNDLE_TYPE
        or part.filename.endswith(_SUFFIX)
        or (address.endswith(_SUFFIX))
    )


@dataclass(frozen=True, slots=True)
class Looked:
    """A task as it was just seen.

    `news` says that more is likely to follow at once, `pause` how many seconds to wait otherwise.
    """

    agent: Agent
    task: Task
    news: bool
    pause: float


@dataclass(frozen=True, slots=True)
class _Cursor:
    """How far the session has been read: its newest message, its newest delivery."""

    message: str = ""
    delivery: str = ""

    @classmethod
    def read(cls, text: str | None) -> "_Cursor":
        """Return what an earlier report has written; from the beginning, if it is unreadable."""
        try:
            message, delivery = json.loads(text or "[]")
        except ValueError:
            return cls()
        return cls(str(message), str(delivery))

    def write(self) -> str:
        """Return it for the next request."""
        return json.dumps([self.message, self.delivery])


async def report_of(looked: Looked, request: BuildRequest, limits: HandoverLimits) -> BuildReport:
    """Return what the task has to show.

    Raises:
        SessionLost: it was cancelled by somebody else.
        PortError: it failed, or what it handed over in the end cannot be taken.
    """
    task = looked.task
    _require_alive(task)
    cursor = _Cursor.read(request.cursor)
    name = readable(looked.agent.card.name, _LONGEST_NAME) or "Agente A2A"
    said = read_messages(task, after=cursor.message, agent=name)
    delivery = newest_delivery(task)
    if task.status.state == _S.TASK_STATE_COMPLETED:
        return await _finished(looked, request, limits, delivery, said)
    digest = delivery.digest if delivery else cursor.delivery
    milestones: tuple[MilestoneReport, ...] = ()
    logs = said.logs
    if delivery is not None and digest != cursor.delivery:
        milestones, refused = await _intermediate(looked.agent, delivery, request, limits)
        if refused:
            logs += (_warning(f"entrega-{digest}", name, refused),)
    question = open_question(task)
    alive = bool(logs or milestones or digest != cursor.delivery)
    return BuildReport(
        BuildStatus.WORKING,
        milestones,
        poll_after_seconds=min(_SOON_SECONDS, looked.pause) if looked.news else looked.pause,
        logs=logs,
        questions=(question,) if question else (),
        reported=said.reported,
        # Answering for a task is no work on it: its state says when the agent last spoke.
        heartbeat_at=None if alive else spoken_at(task),
        cursor=_Cursor(said.last, digest).write(),
    )


def _require_alive(task: Task) -> None:
    said = status_text(task) or _NO_REASON
    match task.status.state:
        case _S.TASK_STATE_FAILED:
            raise failure("El agente A2A falló", detail=said)
        case _S.TASK_STATE_REJECTED:
            raise failure("El agente A2A rechazó el encargo", detail=said)
        case _S.TASK_STATE_AUTH_REQUIRED:
            raise failure("El agente A2A pide una autorización que la fábrica no da", detail=said)
        case _S.TASK_STATE_CANCELED:
            raise SessionLost("La tarea fue cancelada en el agente A2A", detail=said)
        case _:
            pass


async def _finished(
    looked: Looked,
    request: BuildRequest,
    limits: HandoverLimits,
    delivery: Delivery | None,
    said: Said,
) -> BuildReport:
    """Return the last report; what is in the repository by then is the product."""
    if delivery is None:
        raise failure("El agente A2A terminó sin entregar un repositorio (git bundle).")
    repository = await _take(looked.agent, delivery, request, limits)
    milestones = await final_milestones(repository, request.attempt, request.plan)
    return BuildReport(
        BuildStatus.FINISHED,
        tuple(item for item in milestones if item.id not in request.completed),
        logs=said.logs,
        reported=said.reported,
        cursor=_Cursor(said.last, delivery.digest).write(),
    )


async def _intermediate(
    agent: Agent, delivery: Delivery, request: BuildRequest, limits: HandoverLimits
) -> tuple[tuple[MilestoneReport, ...], str]:
    """Take what an agent at work hands over; return the milestones that it proves.

    What cannot be taken is no failure yet, but the agent's log says so (second value).

    Raises:
        PortError: it cannot be said now.
    """
    try:
        repository = await _take(agent, delivery, request, limits)
    except PortError as error:
        if error.transient:
            raise
        return (), error.for_staff
    proven = await verified_milestones(repository, request.attempt, request.plan)
    return before_the_end(proven, request.plan, request.completed), ""


async def _take(
    agent: Agent, delivery: Delivery, request: BuildRequest, limits: HandoverLimits
) -> Repository:
    repository = Repository(request.product_dir)
    async with written(await delivery.fetch(agent)) as bundle:
        await take_bundle(repository, bundle, limits=limits)
    return repository


def _warning(key: str, agent: str, message: str) -> AgentLog:
    return AgentLog(key, agent, message, level=LogLevel.WARNING, visibility=Visibility.INTERNO)
