"""What the agent is told: the order, and answers to its questions."""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from a2a.types.a2a_pb2 import Message, Part, Role, SendMessageRequest, TaskPushNotificationConfig
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Value

from axon_factory.domain.redaction import FOR_BUILDERS
from axon_factory.ports.builder import AgentAnswer, BuildRequest

BUNDLE_TYPE = "application/x-git-bundle"

_OURS = uuid5(NAMESPACE_URL, "urn:axon-factory:a2a")
_PUSH_CONFIG = "axon"


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
