"""The API as the tools call it, and which messages of the protocol are refused in our words.

Codes are those of JSON-RPC and MCP. `-32010` is ours: the API refuses the request, and `data`
holds its status and `codigo`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import httpx2
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    PROTOCOL_VERSION_META_KEY,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.text import Sentence

Json = dict[str, Any]

_KEY_PREFIX = "axk_"
_SYSTEM_TOKEN_PREFIX = "axs_"  # noqa: S105 — the public prefix, not a token
_CREDENTIALS = ("authorization", "x-api-key", "x-system-token")
_FORWARDED = ("host", "accept-language", "axon-version")


def credential_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the credential of an MCP request as the API takes it (design §8.1).

    Most MCP clients can send a bearer token and nothing else, so an API key or a system token may
    come as one; their prefixes tell them apart.
    """
    found = {name: headers[name] for name in _CREDENTIALS if name in headers}
    scheme, _, token = found.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return found
    token = token.strip(" ")
    if token.startswith(_KEY_PREFIX):
        del found["authorization"]
        return {**found, "x-api-key": token}
    if token.startswith(_SYSTEM_TOKEN_PREFIX):
        del found["authorization"]
        return {**found, "x-system-token": token}
    return found


class ApiRefused(ToolError):
    """The API refuses what was asked; `status` and `codigo` are its own."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        """`document` is the API's answer."""
        super().__init__(_refusal(status, document))
        self.status = status
        self.codigo = str(document.get("codigo", ""))


class Api:
    """The application's API, asked in this process."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is the application that the MCP server is part of."""
        self._app = app

    async def ask(
        self,
        request: Request,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """Send one request as the caller of `request` and return the answer's document.

        Raises:
            ApiRefused: the API refuses; the message is its own sentence, with its `codigo`.
        """
        forwarded = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        client = request.client or ("127.0.0.1", 0)
        transport = httpx2.ASGITransport(self._app, client=(client[0], client[1]))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as asking:
            answer = await asking.request(
                method,
                path,
                params={name: value for name, value in (query or {}).items() if value is not None},
                json=body,
                headers={
                    "Accept-Encoding": "identity",
                    **forwarded,
                    **credential_headers(request.headers),
                    **(headers or {}),
                },
            )
        document = cast("Json", answer.json())
        if answer.is_error:
            raise ApiRefused(answer.status_code, document)
        return document


def _refusal(status: int, document: Mapping[str, Any]) -> str:
    sentence = document.get("message") or document.get("mensaje") or document.get("error", "")
    lines = [f"{status} {document.get('codigo', '')}: {sentence}"]
    details: Mapping[str, str] = document.get("details") or {}
    lines += [f"- {field}: {message}" for field, message in details.items()]
    for name in ("estado_actual", "transiciones_permitidas", "plan_version", "plan_hash"):
        if name in document:
            lines.append(f"{name}: {document[name]}")
    return "\n".join(lines)


REFUSED = -32010
_RESOURCE_NOT_FOUND = -32002
_NOT_FOUND, _SERVER_ERROR = 404, 500
_LONGEST_VERSION = 40
_NO_REQUEST = Sentence(
    'Se espera un objeto JSON-RPC con "jsonrpc": "2.0" y "method"; no se admiten lotes',
    'A JSON-RPC object with "jsonrpc": "2.0" and "method" is expected; batches are not taken',
)
_NO_CALL = Sentence(
    "«tools/call» lleva en `params` un texto `name` y un objeto `arguments`",
    "`tools/call` has a text `name` and an object `arguments` in its `params`",
)

CheckJson = Callable[[bytes], None]
"""Refuses a body that is not JSON as the API takes it, by raising ValidationFailed."""


@dataclass(frozen=True, slots=True)
class NoMessage(Exception):
    """The message is refused with a JSON-RPC error. `id` is the request's, if it has one."""

    code: int
    sentence: Sentence
    id: str | int | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def answer(self, *, english: bool) -> dict[str, Any]:
        """Return the JSON-RPC answer in the caller's language."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": self.sentence.en if english else str(self.sentence),
        }
        if self.data:
            error["data"] = dict(self.data)
        return {"jsonrpc": "2.0", "id": self.id, "error": error}


def read_message(body: bytes, headers: Headers, check: CheckJson) -> None:
    """Let pass what the server can take.

    Raises:
        NoMessage: it is no JSON, no message of JSON-RPC, or of a protocol version that is unknown.
    """
    document = _parsed(body, check)
    message = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    named = message.get("id")
    known_id = named if isinstance(named, str | int) and not isinstance(named, bool) else None
    params = message.get("params")
    given = cast("dict[str, Any]", params) if isinstance(params, dict) else {}
    _check_version(headers, given, known_id)
    is_answer = "result" in message or "error" in message
    if message.get("jsonrpc") != "2.0" or not (isinstance(message.get("method"), str) or is_answer):
        raise NoMessage(INVALID_REQUEST, _NO_REQUEST, known_id)
    if message.get("method") == "tools/call" and not (
        isinstance(given.get("name"), str) and isinstance(given.get("arguments") or {}, dict)
    ):
        raise NoMessage(INVALID_PARAMS, _NO_CALL, known_id)


def code_of(status: int) -> int:
    """Return the JSON-RPC code for an HTTP status of the API."""
    if status >= _SERVER_ERROR:
        return INTERNAL_ERROR
    return _RESOURCE_NOT_FOUND if status == _NOT_FOUND else REFUSED


def _parsed(body: bytes, check: CheckJson) -> object:
    try:
        check(body)
        return json.loads(body)
    except ValidationFailed as refusal:
        code = INVALID_REQUEST if _is_json(body) else PARSE_ERROR
        raise NoMessage(code, _sentence_of(refusal)) from None
    except ValueError:
        raise NoMessage(
            PARSE_ERROR, Sentence("El cuerpo no es JSON válido", "The body is not valid JSON")
        ) from None


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _sentence_of(refusal: ValidationFailed) -> Sentence:
    """Return the first fault with its field."""
    place, said = next(iter(refusal.details.items()))
    if place == "body":
        return said
    return Sentence(f"{place}: {said}", f"{place}: {said.en}")


def _check_version(
    headers: Headers, params: Mapping[str, Any], request_id: str | int | None
) -> None:
    meta = params.get("_meta")
    in_body = cast("dict[str, Any]", meta).get(PROTOCOL_VERSION_META_KEY) if meta else None
    for version in (headers.get("mcp-protocol-version"), in_body):
        if not version or version in KNOWN_PROTOCOL_VERSIONS:
            continue
        known = ", ".join(KNOWN_PROTOCOL_VERSIONS)
        asked = "".join(letter for letter in str(version) if letter.isprintable())
        asked = asked[:_LONGEST_VERSION]
        sentence = Sentence(
            f"La versión {asked} del protocolo no se conoce aquí; se conocen {known}",
            f"Protocol version {asked} is not known here; known are {known}",
        )
        data = {"supported": list(KNOWN_PROTOCOL_VERSIONS), "requested": asked}
        raise NoMessage(UNSUPPORTED_PROTOCOL_VERSION, sentence, request_id, data)
