"""What the agent is told, and what a task's messages say: logs, the open question, progress."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import NAMESPACE_URL, UUID, uuid5

from a2a.types.a2a_pb2 import (
    Message,
    Part,
    Role,
    SendMessageRequest,
    Task,
    TaskPushNotificationConfig,
    TaskState,
)
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value

from axon_factory.adapters.builder.a2a.errors import readable
from axon_factory.domain.events import LogLevel
from axon_factory.domain.text import FOR_BUILDERS
from axon_factory.ports.builder import (
    AgentAnswer,
    AgentLog,
    AgentQuestion,
    BuildRequest,
    ReportedProgress,
    visibility_of,
)

BUNDLE_TYPE = "application/x-git-bundle"

_OURS = uuid5(NAMESPACE_URL, "urn:axon-factory:a2a")
_PUSH_CONFIG = "axon"
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


def context_id(request: BuildRequest) -> str:
    """Return the id of the session's context: the same for everybody and at any time."""
    return str(uuid5(_session_of(request), "context"))


def answer_id(request: BuildRequest, answer: AgentAnswer) -> str:
    """Return the id of the message that brings `answer`, however often it is sent."""
    return str(uuid5(_session_of(request), f"answer:{answer.number}"))


def order_request(request: BuildRequest, repository: bytes | None) -> SendMessageRequest:
    """Return the message that starts the task.

    The goal is its only text. Everything else is data: the client's words among it are no
    instructions. `repository` is the bundle of what is there already.
    """
    parts = [Part(text=request.goal), *(_data(item) for item in _documents(request))]
    if repository is not None:
        # Without a media type: agents refuse types that their card does not name.
        parts.append(Part(raw=repository, filename="repositorio.bundle"))
    message = Message(
        message_id=str(uuid5(_session_of(request), "order")),
        context_id=context_id(request),
        role=Role.ROLE_USER,
        parts=parts,
    )
    return SendMessageRequest(message=message)


def answer_request(
    request: BuildRequest, task_id: str, task_context: str, answer: AgentAnswer
) -> SendMessageRequest:
    """Return the message of the same task that answers one of its questions."""
    document = {"numero": answer.number, "pregunta": answer.question, "respuesta": answer.answer}
    message = Message(
        message_id=answer_id(request, answer),
        context_id=task_context,
        task_id=task_id,
        role=Role.ROLE_USER,
        parts=[Part(text=answer.answer), _data({"respuesta": document})],
    )
    return SendMessageRequest(message=message)


def push_config(request: BuildRequest, task_id: str) -> TaskPushNotificationConfig:
    """Return where, and with which token, the agent says that there is news."""
    return TaskPushNotificationConfig(
        id=_PUSH_CONFIG,
        task_id=task_id,
        url=f"{request.api_url}/api/orders/{request.order_id}/wake",
        token=request.agent_token or "",
    )


def _documents(request: BuildRequest) -> list[Mapping[str, Any]]:
    return [
        {
            "orden": {
                "id": request.order_id,
                "numero": request.order_number,
                "intento": request.attempt,
                "tipo_producto": request.product_type,
                "nombre_producto": request.product_name,
                "slug": request.slug,
                "tenant": request.tenant,
            }
        },
        {"plan": request.plan.model_dump(mode="json")},
        {"configuracion": FOR_BUILDERS.data(request.configuration)},
        {"cliente": dict(request.client)},
        {
            "hallazgos": [
                {"revision": finding.check, "mensaje": finding.message}
                for finding in request.findings
            ]
        },
        {"hitos_completados": sorted(request.completed)},
        {"api": {"url": request.api_url, "system_token": request.agent_token}},
    ]


def _data(document: Mapping[str, Any]) -> Part:
    return Part(data=ParseDict(dict(document), Value()))


def _session_of(request: BuildRequest) -> UUID:
    return uuid5(_OURS, request.session_key)


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
