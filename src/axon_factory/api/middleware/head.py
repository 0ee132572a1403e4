"""Checks of a request's head: address, header fields, framing, host. No byte of a body is read."""

import re
from collections import Counter
from urllib.parse import parse_qsl, unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

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
    UnsupportedContent,
)
from axon_factory.api.routes import allowed_methods
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.sentences import Sentence

__all__ = ["HeadGuard", "has_body"]

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
        if scope["type"] == "http":
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
        name = _host_name(headers.get("host", ""))
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


def _host_name(authority: str) -> str:
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
