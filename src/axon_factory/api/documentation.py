"""How a route says what it answers; `api.openapi` adds what follows from its guard and its path."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from axon_factory.api.schemas.texts import SCHEMAS
from axon_factory.domain.errors import AxonError

__all__ = ["ERRORS", "VALIDATED", "answers", "raises"]

ERRORS = "__errors__"
VALIDATED = "x-validated"
"""Marks, until the document is finished, an answer that has an ETag."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def answers(
    model: type[BaseModel],
    status: int = 200,
    *,
    etag: bool = False,
    headers: Sequence[str] = (),
    media: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[int | str, dict[str, Any]]:
    """Return `responses=` of a route whose success is `model`.

    Args:
        model: what the body is; its example becomes the answer's.
        status: 200 or 201.
        etag: the answer has an ETag; a GET then also answers 304.
        headers: further headers of the answer, by their names in `schemas.components`.
        media: further media types of the same answer, each with schema and example.
    """
    answer: dict[str, Any] = {"model": model, "description": _first_line(model)}
    if headers:
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    if media:
        answer["content"] = dict(media)
    if etag:
        answer[VALIDATED] = True
    return {status: answer}


def raises(*errors: type[AxonError]) -> Callable[[Endpoint], Endpoint]:
    """Say which errors a handler has besides those that its guard, path and body bring along."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, ERRORS, errors)
        return endpoint

    return mark


def _first_line(model: type[BaseModel]) -> str:
    text = SCHEMAS.get(model.__name__)
    return text.description if text else (model.__doc__ or "").strip().splitlines()[0]
