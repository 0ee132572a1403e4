"""How answers leave: JSON made once, validators, 304; language and media type asked for."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import Request, Response
from pydantic_core import to_json

from axon_factory.domain.text import in_english

__all__ = [
    "charsets_of",
    "content_etag",
    "json_response",
    "prefers",
    "prefers_english",
    "rendered",
    "validates",
    "version_etag",
]

_JSON = "application/json"


def rendered(document: Any) -> bytes:  # noqa: ANN401 — any JSON value
    """Return `document` as JSON bytes."""
    return to_json(document)


def version_etag(version: int) -> str:
    """Return the validator of an order's version, which `If-Match` takes (RFC 9110 §8.8.3).

    It says that the order is the same. What of it an answer shows also depends on who asks.
    """
    return f'"{version}"'


def content_etag(body: bytes) -> str:
    """Return a weak validator of an answer that has no version of its own."""
    return f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'


def json_response(
    request: Request,
    document: Any,  # noqa: ANN401 — any JSON value
    *,
    etag: str | None = None,
    headers: Mapping[str, str] | None = None,
    media_type: str = _JSON,
) -> Response:
    """Answer a read with 200, or with 304 if `If-None-Match` names what would be sent.

    Without `etag` the answer is validated by its content. Sentences are in the caller's language.
    """
    english = prefers_english(request.headers.get("accept-language", ""))
    body = rendered(in_english(document) if english else document)
    validator = etag or content_etag(body)
    fields = {**(headers or {}), "ETag": validator}
    known = request.headers.get("if-none-match")
    if known is not None and validates(known, validator):
        return Response(status_code=304, headers=fields)
    return Response(body, media_type=media_type, headers=fields)


def validates(if_none_match: str, validator: str) -> bool:
    """Return whether `If-None-Match` names `validator`, compared weakly (RFC 9110 §13.1.2)."""
    if if_none_match.strip() == "*":
        return True
    plain = validator.removeprefix("W/")
    return any(item.strip().removeprefix("W/") == plain for item in if_none_match.split(","))


def prefers(accept: str, media_type: str, *, over: str) -> bool:
    """Return whether `accept` gives `media_type` more weight than `over`, the usual one."""
    return _weight(accept, media_type) > _weight(accept, over)


def charsets_of(accept: str, media_type: str) -> set[str]:
    """Return the values of `charset` that `accept` gives for `media_type`, in lower case."""
    return {
        value.strip().strip('"')
        for name, parameters in _ranges(accept)
        if name == media_type
        for parameter, _, value in (each.partition("=") for each in parameters)
        if parameter.strip() == "charset"
    }


def _ranges(accept: str) -> Iterator[tuple[str, list[str]]]:
    for item in accept.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        yield name, parameters


def _weight(accept: str, media_type: str) -> float:
    """Return the weight that the most specific range of `accept` gives to `media_type`."""
    ranges = {"*/*": 0, media_type.partition("/")[0] + "/*": 1, media_type: 2}
    best, weight = -1, 0.0
    for name, parameters in _ranges(accept):
        specificity = ranges.get(name, -1)
        if specificity > best:
            best, weight = specificity, _quality(parameters)
    return weight


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


_LANGUAGE = re.compile(r"\s*(en|es)(?:-[a-z0-9]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*")


def prefers_english(accept_language: str) -> bool:
    """Return whether `Accept-Language` asks for English before Spanish (RFC 9110 §12.5.4)."""
    weights = {"en": 0.0, "es": 0.0}
    for item in accept_language.lower().split(","):
        match = _LANGUAGE.fullmatch(item)
        if match:
            weight = float(match[2]) if match[2] else 1.0
            weights[match[1]] = max(weights[match[1]], weight)
    return weights["en"] > weights["es"]
