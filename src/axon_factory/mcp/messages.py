"""What is no message of the protocol, and how that is answered: JSON-RPC errors in our words.

Codes are those of JSON-RPC and MCP. `-32010` is ours: the API refuses what is asked, and `data`
holds its status and `codigo`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

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

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.text import Sentence

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
    """What was sent is answered with a JSON-RPC error. `id` is the request's, where it has one."""

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
    """Return the JSON-RPC code for what the API has answered with an HTTP status."""
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
    """Return the first thing that is wrong, with the field that it is about."""
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
