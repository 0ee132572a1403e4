"""Reads a request's body up to its limit and lets only JSON pass that everybody reads alike."""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message as MediaType
from typing import Any, NoReturn, cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon_factory.api.middleware.head import has_body
from axon_factory.api.middleware.incoming import STREAMED, EdgeOptions
from axon_factory.api.refusals import MalformedRequest, PayloadTooLarge, UnsupportedContent
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.sentences import Sentence

__all__ = ["BodyGuard", "JsonLimits", "check_json"]

_TAKE_JSON = ("/api/", "/mcp")
"""Pages take forms."""

_READS_ITSELF = "/mcp"
"""It answers what is no JSON as its own protocol has it, within the same limits."""


class BodyGuard:
    """Reads each body once, whole, and gives it on as one message."""

    def __init__(self, app: ASGIApp, options: EdgeOptions) -> None:
        """`app` gets the requests that pass."""
        self._app = app
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        Raises:
            PayloadTooLarge: the body is larger than the limit, or says that it will be.
            UnsupportedContent: it is not JSON in UTF-8.
            MalformedRequest: it is not as long as it says.
            ValidationFailed: it is not JSON within the limits.
        """
        if (
            scope["type"] != "http"
            or not has_body(headers := Headers(scope=scope))
            or STREAMED.fullmatch(scope["path"])
        ):
            await self._app(scope, receive, send)
            return
        announced = int(headers.get("content-length", "0"))
        if announced > self._options.max_body_bytes:
            raise self._too_large()
        body = await self._read(receive)
        if body is None:
            return
        if "content-length" in headers and announced != len(body):
            raise MalformedRequest(
                "El cuerpo no mide lo que dice Content-Length",
                message_en="The body is not as long as Content-Length says",
            )
        if body and scope["path"].startswith(_TAKE_JSON):
            _check_media_type(headers.get("content-type", ""))
            if not scope["path"].startswith(_READS_ITSELF):
                check_json(body, self._options.json)
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body, None if the caller has gone."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if len(body) > self._options.max_body_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> PayloadTooLarge:
        most = self._options.max_body_bytes
        return PayloadTooLarge(
            f"El cuerpo admite como máximo {most} bytes",
            message_en=f"The body may have at most {most} bytes",
        )


def _check_media_type(content_type: str) -> None:
    media_type = MediaType()
    media_type["Content-Type"] = content_type
    kind = media_type.get_content_type()
    is_json = kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
    if not is_json or (media_type.get_content_charset("utf-8") not in {"utf-8", "utf8"}):
        raise UnsupportedContent(
            "El cuerpo debe ser application/json en UTF-8",
            message_en="The body must be application/json in UTF-8",
        )


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


_INTEGER_DIGITS = 19
_INTEGERS = range(-(2**63), 2**63)
_DEEP_PATH = 2
"""Of a path that is too deep, so many parts are told."""
# It always matches and never goes back, or hostile quotes would cost the square of their number.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """`depth` counts lists and objects inside one another, `nodes` every value and member."""

    depth: int = 32
    nodes: int = 2000


class _Members(list[tuple[str, Any]]):
    """An object as it was written: with its order and its duplicates."""


class _HugeInteger:
    """Stands for an integer beyond 64 bits."""


def check_json(body: bytes, limits: JsonLimits) -> None:
    """Refuse `body` unless it is one I-JSON document within `limits`.

    Raises:
        ValidationFailed: naming the field, or `body` where there is none.
    """
    _check_size(body, limits.nodes)
    _Check(limits).value(_parsed(body), (), 1)


def _check_size(body: bytes, most: int) -> None:
    """Refuse more values than `most` before Python makes an object of each."""
    structure = _STRING.sub(b"", body)
    openings = structure.count(b"[") + structure.count(b"{")
    if max(structure.count(b",") + 1, openings) > most:
        _refuse_size(most)


def _parsed(body: bytes) -> object:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        _refuse((), "El cuerpo no es UTF-8 válido", "The body is not valid UTF-8")
    if text.startswith("\ufeff"):
        _refuse((), "El cuerpo empieza con un BOM", "The body begins with a byte order mark")
    try:
        return json.loads(
            text, object_pairs_hook=_Members, parse_int=_integer, parse_constant=_not_finite
        )
    except RecursionError:
        _refuse((), "El cuerpo está anidado demasiado", "The body is nested too deeply")
    except ValueError:
        _refuse((), "El cuerpo no es JSON válido", "The body is not valid JSON")


def _integer(digits: str) -> int | _HugeInteger:
    # Python refuses to read thousands of digits, and reading hundreds costs.
    if len(digits) > _INTEGER_DIGITS + 1 or (value := int(digits)) not in _INTEGERS:
        return _HugeInteger()
    return value


def _not_finite(_name: str) -> float:
    return math.nan


@dataclass(slots=True)
class _Check:
    limits: JsonLimits
    nodes: int = 0

    def value(self, value: object, path: Path, depth: int) -> None:
        self._count()
        match value:
            case str():
                _check_text(value, path)
            case _HugeInteger():
                _refuse(path, "El número no cabe en 64 bits", "The number exceeds 64 bits")
            case float() if not math.isfinite(value):
                _refuse(path, "Los números deben ser finitos", "Numbers must be finite")
            case _Members():
                self._object(value, path, depth)
            case list():
                self._enter(path, depth)
                for index, item in enumerate(cast("list[object]", value)):
                    self.value(item, (*path, index), depth + 1)
            case _:
                pass

    def _object(self, members: Iterable[tuple[str, object]], path: Path, depth: int) -> None:
        self._enter(path, depth)
        seen: set[str] = set()
        for key, item in members:
            _check_text(key, path)
            if key in seen:
                _refuse((*path, key), "Este campo está repetido", "This field is given twice")
            seen.add(key)
            self.value(item, (*path, key), depth + 1)

    def _enter(self, path: Path, depth: int) -> None:
        most = self.limits.depth
        if depth > most:
            _refuse(
                path[:_DEEP_PATH],
                f"Admite como máximo {most} niveles",
                f"At most {most} levels are allowed",
            )

    def _count(self) -> None:
        self.nodes += 1
        most = self.limits.nodes
        if self.nodes > most:
            _refuse_size(most)


def _check_text(text: str, path: Path) -> None:
    if "\x00" in text:
        _refuse(path, "No puede contener el carácter NUL", "It must not contain the character NUL")
    if _SURROGATE.search(text):
        _refuse(
            path,
            "Contiene un carácter que no es Unicode válido",
            "It contains a character that is not valid Unicode",
        )


def _refuse_size(most: int) -> NoReturn:
    _refuse(
        (),
        f"El cuerpo admite como máximo {most} valores",
        f"The body may have at most {most} values",
    )


def _refuse(path: Path, spanish: str, english: str) -> NoReturn:
    # Of the caller's own names only plain ones are repeated.
    parts = [str(part) if _PLAIN_NAME.fullmatch(str(part)) else "?" for part in path]
    field = ".".join(parts) or "body"
    raise ValidationFailed({field: Sentence(spanish, english)}) from None
