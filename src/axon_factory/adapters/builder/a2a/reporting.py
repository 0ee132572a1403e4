"""From a task to what it shows: its state, its words, its updates, the bundles it hands over."""

import asyncio
import hashlib
import json
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
from a2a.types.a2a_pb2 import (
    Artifact,
    Part,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatusUpdateEvent,
)
from a2a.utils.errors import A2AError
from google.protobuf.json_format import ParseError

from axon_factory.adapters.builder.a2a.connection import Agent
from axon_factory.adapters.builder.a2a.errors import readable
from axon_factory.adapters.builder.a2a.messages import (
    BUNDLE_TYPE,
    TERMINAL,
    is_waiting,
    open_question,
    read_messages,
    spoken_at,
    status_text,
)
from axon_factory.adapters.builder.handover import BUNDLE_SIGNATURES
from axon_factory.adapters.builder.outside import Delivery, Seen
from axon_factory.ports.builder import SessionLost, build_failure

_SUFFIX = ".bundle"
_S = TaskState
_LONGEST_NAME = 100
_SOON_SECONDS = 1.0
_SETTLE_SECONDS = 0.5
"""After the first news, more of it is waited for only so long: one step records a handful."""
_NO_REASON = "no dice por qué"


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


def seen_of(agent: Agent, task: Task, cursor: str | None, *, soon: bool, pause: float) -> Seen:
    """Return what a task shows behind the cursor of an earlier look.

    Args:
        agent: whose task it is.
        task: as it was just seen.
        cursor: of the last report.
        soon: more is likely to follow at once.
        pause: how many seconds to wait otherwise.

    Raises:
        SessionLost: it was cancelled by somebody else.
        PortError: it failed, or ended without a repository.
    """
    _require_alive(task)
    known = _Cursor.read(cursor)
    name = readable(agent.card.name, _LONGEST_NAME) or "Agente A2A"
    said = read_messages(task, after=known.message, agent=name)
    artifact = _newest_bundle(task)
    digest = _digest_of(artifact) if artifact else known.delivery
    ended = task.status.state == _S.TASK_STATE_COMPLETED
    if ended and artifact is None:
        raise build_failure("El agente A2A terminó sin entregar un repositorio (git bundle).")
    delivery = None
    # A delivery that was refused while the agent worked has the cursor's digest: the last counts.
    if artifact is not None and (ended or digest != known.delivery):
        delivery = Delivery(digest, partial(_fetch, agent, artifact), speaker=name)
    question = open_question(task)
    is_life = bool(said.logs or delivery)
    return Seen(
        ended=ended,
        delivery=delivery,
        pause=min(_SOON_SECONDS, pause) if soon else pause,
        logs=said.logs,
        questions=(question,) if question else (),
        reported=said.reported,
        # Answering for a task is no work on it: its state says when the agent last spoke.
        heartbeat_at=None if ended or is_life else spoken_at(task),
        cursor=_Cursor(said.last, digest).write(),
    )


def _require_alive(task: Task) -> None:
    said = status_text(task) or _NO_REASON
    match task.status.state:
        case _S.TASK_STATE_FAILED:
            raise build_failure("El agente A2A falló", detail=said)
        case _S.TASK_STATE_REJECTED:
            raise build_failure("El agente A2A rechazó el encargo", detail=said)
        case _S.TASK_STATE_AUTH_REQUIRED:
            raise build_failure(
                "El agente A2A pide una autorización que la fábrica no da", detail=said
            )
        case _S.TASK_STATE_CANCELED:
            raise SessionLost("La tarea fue cancelada en el agente A2A", detail=said)
        case _:
            pass


def _newest_bundle(task: Task) -> Artifact | None:
    return next((one for one in reversed(task.artifacts) if _is_bundle(one)), None)


def _digest_of(artifact: Artifact) -> str:
    """Tell one delivery from the next, by content or else by address and metadata."""
    return hashlib.sha256(artifact.SerializeToString(deterministic=True)).hexdigest()


async def _fetch(agent: Agent, artifact: Artifact, target: Path) -> None:
    """Write the bundle, which the artifact has in its parts or names by its address.

    Raises:
        PortError: it is not where the agent says, or not on the agent's own server.
    """
    content = b"".join(part.raw for part in artifact.parts if part.HasField("raw"))
    if not content:
        address = next(part.url for part in artifact.parts if part.HasField("url"))
        content = await agent.download(address)
    await asyncio.to_thread(target.write_bytes, content)


def _is_bundle(artifact: Artifact) -> bool:
    """Return whether the artifact is a bundle; raw parts are its pieces, in order."""
    first = next(iter(artifact.parts), None)
    if first is None:
        return False
    if first.HasField("raw"):
        return first.raw.startswith(BUNDLE_SIGNATURES)
    return first.HasField("url") and _is_named_bundle(first)


def _is_named_bundle(part: Part) -> bool:
    address = part.url.partition("?")[0]
    return (
        part.media_type == BUNDLE_TYPE
        or part.filename.endswith(_SUFFIX)
        or (address.endswith(_SUFFIX))
    )


async def watched(agent: Agent, task: Task, *, seconds: float) -> tuple[Task, bool]:
    """Listen to a task at work; return it as it then is, and whether anything happened.

    A stream that breaks, or that the agent does not give, is no failure: the next look at the task
    shows what it would have said.
    """
    seen = Task()
    seen.CopyFrom(task)
    news = False
    try:
        async with asyncio.timeout(seconds) as limit, aclosing(agent.updates(task.id)) as updates:
            async for update in updates:
                happened = _fold(seen, update)
                if seen.status.state in TERMINAL or is_waiting(seen):
                    return seen, True
                if happened and not news:
                    news = True
                    until = asyncio.get_running_loop().time() + _SETTLE_SECONDS
                    limit.reschedule(min(limit.when() or until, until))
    except (TimeoutError, A2AError, httpx.HTTPError, ParseError, ValueError):
        pass
    return seen, news


def _fold(task: Task, update: StreamResponse) -> bool:
    """Bring `task` up to date; return whether it has changed."""
    if update.HasField("task"):
        before = task.SerializeToString(deterministic=True)
        task.CopyFrom(update.task)
        return task.SerializeToString(deterministic=True) != before
    if update.HasField("status_update"):
        _fold_status(task, update.status_update)
        return True
    if update.HasField("artifact_update"):
        _fold_artifact(task, update.artifact_update)
        return True
    return False


def _fold_status(task: Task, event: TaskStatusUpdateEvent) -> None:
    if task.status.HasField("message"):
        task.history.append(task.status.message)
    task.status.CopyFrom(event.status)


def _fold_artifact(task: Task, event: TaskArtifactUpdateEvent) -> None:
    known = [item for item in task.artifacts if item.artifact_id == event.artifact.artifact_id]
    if not known:
        task.artifacts.append(event.artifact)
    elif event.append:
        known[0].parts.extend(event.artifact.parts)
    else:
        known[0].CopyFrom(event.artifact)
