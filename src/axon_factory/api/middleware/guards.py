"""What a request must be: first its head is checked (no byte of a body is read), then its body.

The body is read once, up to its limit; only JSON passes that each reader reads alike.
"""

import re
from collections import Counter
from email.message import Message as MediaType
from urllib.parse import parse_qsl, unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon_factory.api.json_text import check_json
from axon_factory.api.middleware.incoming import (
    GZIP_CODINGS,
    PROBES,
    STREAMED,
    EdgeOptions,
)
from axon_factory.api.refusals import (
    AddressTooLong,
    HeadersTooLarge,
    MalformedRequest,
    MisdirectedRequest,
    PayloadTooLarge,
    UnsupportedContent,
)
from axon_factory.api.routes import allowed_methods
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.text import Sentence

__all__ = ["BodyGuard", "HeadGuard", "host_name"]

_MOST_HEADERS = 100
_MOST_PARAMETERS = 100
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_SINGLE = ("content-length", "content-type", "host", "transfer-encoding")
_SLASH = re.compile(rb"%2f", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)


class HeadGuard:
    """Refuses what is too large, ambiguous or not for this factory."""

    def __init__(self, app: ASGIApp, options: EdgeOptions) -> None:
        """`app` gets the requests that pass."""
        self._app = app
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        Raises:
            AxonError: one of `api.refusals`, or ValidationFailed for the query.
        """
        if scope["type"] == "websocket":
            self._check_sizes(scope)
            self._check_host(scope, Headers(scope=scope))
        elif scope["type"] == "http":
            headers = Headers(scope=scope)
            self._check_sizes(scope)
            _check_framing(scope, headers)
            self._check_host(scope, headers)
            _check_query(scope["query_string"])
            scope = {**scope, "path": _path(scope)}
        await self._app(scope, receive, send)

    def _check_sizes(self, scope: Scope) -> None:
        address = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
        if address > (most := self._options.max_address_bytes):
            raise AddressTooLong(
                f"La dirección admite como máximo {most} bytes",
                message_en=f"The address may have at most {most} bytes",
            )
        fields: list[tuple[bytes, bytes]] = scope["headers"]
        size = sum(len(name) + len(value) for name, value in fields)
        if len(fields) > _MOST_HEADERS or size > (most := self._options.max_header_bytes):
            raise HeadersTooLarge(
                f"Se admiten como máximo {_MOST_HEADERS} cabeceras y {most} bytes",
                message_en=f"At most {_MOST_HEADERS} header fields and {most} bytes are allowed",
            )

    def _check_host(self, scope: Scope, headers: Headers) -> None:
        hosts = self._options.hosts
        name = host_name(headers.get("host", ""))
        if hosts and name not in hosts and scope["path"] not in PROBES:
            raise MisdirectedRequest(
                "Esta fábrica no responde bajo ese nombre (AXON_ALLOWED_HOSTS)",
                message_en="This factory does not answer under that name (AXON_ALLOWED_HOSTS)",
            )


def _path(scope: Scope) -> str:
    """Return the path in which each segment is decoded by itself.

    A `%2F` belongs to its segment and stays as it is: decoded, as uvicorn does it, it would be a
    separator. No id has one, so that the segment matches nothing. The same holds for NUL.
    """
    raw: bytes = scope.get("raw_path") or b""
    path: str = scope["path"]
    if _SLASH.search(raw):
        path = "%2F".join(unquote(part.decode("latin-1")) for part in _SLASH.split(raw))
    return path.replace("\x00", "\ufffd")


def has_body(headers: Headers) -> bool:
    """Return whether the header fields announce a body (RFC 9112 §6)."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def host_name(authority: str) -> str:
    """Return the name of `name:port`, an IPv6 address without its brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


def _check_framing(scope: Scope, headers: Headers) -> None:
    counts = Counter(headers.keys())
    if any(counts[name] > 1 for name in _SINGLE):
        raise _malformed("Una cabecera única está repetida", "A singular header field is repeated")
    if scope["http_version"] == "1.1" and not counts["host"]:
        raise _malformed("Falta la cabecera Host", "The header field Host is missing")
    length = headers.get("content-length")
    if length is not None and not re.fullmatch("[0-9]{1,18}", length):
        raise _malformed("Content-Length no es un número", "Content-Length is not a number")
    coding = headers.get("transfer-encoding")
    if coding is not None and (length is not None or coding.strip().lower() != "chunked"):
        raise _malformed(
            "Transfer-Encoding solo puede ser chunked, sin Content-Length",
            "Transfer-Encoding must be chunked, without Content-Length",
        )
    if has_body(headers):
        _check_body_is_welcome(scope, headers)


def _check_body_is_welcome(scope: Scope, headers: Headers) -> None:
    method: str = scope["method"]
    # A method that the address does not take at all is told so by the router.
    if method in _BODILESS and method in allowed_methods(scope["app"].routes, scope["path"]):
        raise _malformed(f"{method} no lleva cuerpo", f"{method} takes no body")
    coding = headers.get("content-encoding", "identity").strip().lower()
    is_streamed = STREAMED.fullmatch(scope["path"]) is not None
    if coding != "identity" and not (is_streamed and coding in GZIP_CODINGS):
        raise UnsupportedContent(
            "El cuerpo no puede venir comprimido (Content-Encoding)",
            message_en="The body must not be compressed (Content-Encoding)",
        )


def _check_query(query: bytes) -> None:
    """Refuse what is no UTF-8, has NUL, or has more parameters than any route reads."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        sentence = Sentence(
            f"Debe ser UTF-8 con codificación por ciento, hasta {_MOST_PARAMETERS} parámetros",
            f"It must be percent-encoded UTF-8, with at most {_MOST_PARAMETERS} parameters",
        )
        raise ValidationFailed({"query": sentence}) from None
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            field = name if _PLAIN_NAME.fullmatch(name) else "query"
            sentence = Sentence(
                "No puede contener el carácter NUL", "It must not contain the character NUL"
            )
            raise ValidationFailed({field: sentence})


def _malformed(message: str, message_en: str) -> MalformedRequest:
    return MalformedRequest(message, message_en=message_en)


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
