"""What a task's messages say: log lines, the open question, reported progress."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from a2a.types.a2a_pb2 import Message, Role, Task, TaskState
from google.protobuf.json_format import MessageToDict

from axon_factory.adapters.builder.a2a.texts import readable
from axon_factory.domain.events import LogLevel
from axon_factory.ports.builder import AgentLog, AgentQuestion, ReportedProgress, visibility_of

_S = TaskState
TERMINAL = frozenset(
    {
        _S.TASK_STATE_COMPLETED,
        _S.TASK_STATE_CANCELED,
        _S.TASK_STATE_FAILED,
        _S.TASK_STATE_REJECTED,
    }
)

_SAFE_ID = re.compile(r"[A-Za-z0-9._:~-]{1,80}")
_LONGEST_LOG = 2000
_LONGEST_QUESTION = 4000
_LONGEST_OPTION = 200
_MOST_OPTIONS = 20
_LONGEST_NAME = 100
_MOST_MILESTONES = 50
_ALL = 100
_LEVELS = {level.value: level for level in LogLevel}
_NO_QUESTION = "El agente necesita una respuesta para continuar."


@dataclass(frozen=True, slots=True)
class Said:
    """What the agent has said: the lines that are new, and all that it claims."""

    logs: tuple[AgentLog, ...]
    reported: ReportedProgress | None
    last: str
    """Key of the newest message, from which the next reading goes on."""


def read_messages(task: Task, *, after: str, agent: str) -> Said:
    """Return what the agent's messages say.

    Lines after the message whose key is `after` are new; if it is not to be found any more, all
    are: their keys tell which of them are known.
    """
    messages = _of_agent(task)
    keys = [_key_of(message) for message in messages]
    new = keys.index(after) + 1 if after in keys else 0
    fresh = list(zip(keys, messages, strict=True))[new:]
    # Only the state has a time: with older lines before it, its own would put it before them.
    at = spoken_at(task) if len(fresh) == 1 else None
    logs = [line for key, message in fresh if (line := _line(key, message, agent, at))]
    return Said(tuple(logs), _reported(messages), keys[-1] if keys else after)


def is_waiting(task: Task) -> bool:
    """Return whether the agent waits for an answer."""
    return task.status.state == _S.TASK_STATE_INPUT_REQUIRED


def open_question(task: Task) -> AgentQuestion | None:
    """Return what the agent waits to be told, if it waits."""
    if not is_waiting(task):
        return None
    message = task.status.message
    document = _merged(_documents_of(message))
    options = document.get("opciones")
    texts = cast("list[object]", options) if isinstance(options, list) else []
    return AgentQuestion(
        key=_key_of(message),
        text=readable(_text_of(message), _LONGEST_QUESTION) or _NO_QUESTION,
        options=tuple(
            readable(text, _LONGEST_OPTION)
            for text in texts[:_MOST_OPTIONS]
            if isinstance(text, str) and readable(text, _LONGEST_OPTION)
        ),
        # An agent may not write to clients by itself; it says so where a client has to answer.
        to_client=document.get("para") == "cliente",
    )


def status_text(task: Task) -> str:
    """Return what the agent says about the task's present state, for a person to read."""
    return readable(_text_of(task.status.message), _LONGEST_LOG)


def spoken_at(task: Task) -> datetime | None:
    """Return when the task's state was last told, never in the future."""
    if not task.status.HasField("timestamp"):
        return None
    try:
        told: datetime = task.status.timestamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return min(told, datetime.now(UTC))


def _of_agent(task: Task) -> list[Message]:
    """Return the agent's messages in order, the one of the present state last."""
    messages = [message for message in task.history if message.role != Role.ROLE_USER]
    if task.status.HasField("message"):
        current = task.status.message
        messages = [message for message in messages if _key_of(message) != _key_of(current)]
        messages.append(current)
    return messages


def _key_of(message: Message) -> str:
    """Return the message's id, or a digest of its content if that is none to keep."""
    if _SAFE_ID.fullmatch(message.message_id):
        return f"a2a-{message.message_id}"
    return f"a2a-{hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()}"


def _line(key: str, message: Message, agent: str, at: datetime | None) -> AgentLog | None:
    document = _merged(_documents_of(message))
    text = readable(_text_of(message), _LONGEST_LOG) or _told_by(document)
    if not text:
        return None
    name = document.get("agente")
    given = document.get("nivel")
    level = _LEVELS.get(given, LogLevel.INFO) if isinstance(given, str) else LogLevel.INFO
    return AgentLog(
        key=key,
        agent=(readable(name, _LONGEST_NAME) if isinstance(name, str) else "") or agent,
        message=text,
        level=level,
        at=at,
        visibility=visibility_of(level),
    )


def _told_by(document: Mapping[str, Any]) -> str:
    """Return a sentence for a message that has data only."""
    percent, milestone = _percent(document), _milestone(document)
    parts = [f"{percent} %"] if percent is not None else []
    parts += [f"hito {milestone}"] if milestone else []
    return f"Progreso reportado: {', '.join(parts)}" if parts else ""


def _reported(messages: Sequence[Message]) -> ReportedProgress | None:
    percent: int | None = None
    milestones: dict[str, None] = {}
    for message in messages:
        for document in _documents_of(message):
            said = _percent(document)
            percent = percent if said is None else said
            milestone = _milestone(document)
            if milestone:
                milestones[milestone] = None
    if percent is None and not milestones:
        return None
    return ReportedProgress(percent=percent, milestones=tuple(milestones)[:_MOST_MILESTONES])


def _percent(document: Mapping[str, Any]) -> int | None:
    value = document.get("progreso")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _ALL else None


def _milestone(document: Mapping[str, Any]) -> str:
    value = document.get("milestone")
    return readable(value, _LONGEST_NAME) if isinstance(value, str) else ""


def _text_of(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if part.HasField("text"))


def _documents_of(message: Message) -> list[dict[str, Any]]:
    """Return the message's data parts that are JSON objects."""
    documents: list[dict[str, Any]] = []
    for part in message.parts:
        value: object = MessageToDict(part.data) if part.HasField("data") else None
        if isinstance(value, dict):
            documents.append(value)
    return documents


def _merged(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for document in documents for key, value in document.items()}
