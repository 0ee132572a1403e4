"""How answers leave: JSON made once, validators, and 304 where the caller has it already."""

import hashlib
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from pydantic_core import to_json

__all__ = ["content_etag", "json_response", "rendered", "version_etag"]

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

    Without `etag` the answer is validated by its content.
    """
    body = rendered(document)
    validator = etag or content_etag(body)
    fields = {**(headers or {}), "ETag": validator}
    if _matches(request.headers.get("if-none-match"), validator):
        return Response(status_code=304, headers=fields)
    return Response(body, media_type=media_type, headers=fields)


def _matches(if_none_match: str | None, validator: str) -> bool:
    """Compare weakly, as RFC 9110 §13.1.2 says."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    plain = validator.removeprefix("W/")
    return any(item.strip().removeprefix("W/") == plain for item in if_none_match.split(","))
