"""The one place that builds error answers (resolutions 12).

Every body has the documented keys, `codigo`, and the RFC 9457 members; it is
`application/problem+json` when the caller asks for that.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from axon_factory.db.sessions import is_unavailable
from axon_factory.domain.errors import (
    AuthenticationRequired,
    AxonError,
    Unavailable,
    ValidationFailed,
)
from axon_factory.orders.requests import field_messages

__all__ = ["error_answer", "install_error_handlers"]

_log = structlog.get_logger(__name__)
_LANGUAGE = re.compile(r"\s*(en|es)(?:-[a-z0-9]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*")
_PROBLEM = "application/problem+json"


def error_answer(request: Request, error: AxonError) -> JSONResponse:
    """Return the answer that tells of `error`, in the caller's language."""
    english = _prefers_english(request.headers.get("accept-language", ""))
    body = error.body()
    sentence = error.message_en if english else error.message
    if sentence:
        body["message"] = sentence
    body |= {
        "type": f"urn:axon-factory:error:{error.codigo}",
        "title": error.title_en if english else error.title,
        "status": error.status,
        "detail": sentence or error.title,
        "instance": request.url.path,
    }
    headers: dict[str, str] = {}
    if isinstance(error, AuthenticationRequired):
        headers["WWW-Authenticate"] = f'{error.scheme} realm="axon-factory"'
        headers["Cache-Control"] = "no-store"
    if isinstance(error, Unavailable):
        headers["Retry-After"] = "2"
    wants_problem = _PROBLEM in request.headers.get("accept", "")
    return JSONResponse(
        body,
        status_code=error.status,
        headers=headers,
        media_type=_PROBLEM if wants_problem else "application/json",
    )


def install_error_handlers(app: FastAPI) -> None:
    """Make every failure of `app` an answer of the documented shape."""

    @app.exception_handler(AxonError)
    async def _known(request: Request, error: AxonError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction] — registered
        return error_answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction] — registered
        return error_answer(request, ValidationFailed(field_messages(_located(error.errors()))))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:  # pyright: ignore[reportUnusedFunction] — registered
        answer = error_answer(request, _routing_error(error))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> JSONResponse:  # pyright: ignore[reportUnusedFunction] — registered
        if is_unavailable(error):
            return error_answer(
                request,
                Unavailable(
                    "La base de datos no responde; intenta de nuevo en unos segundos",
                    message_en="The database does not answer; try again in a few seconds",
                ),
            )
        _log.error("unforeseen error", path=request.url.path, exc_info=error)
        return error_answer(request, AxonError("Error interno", message_en="Internal error"))


def _located(errors: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 — Pydantic's own documents
    """Drop where a field was ("body", "query"): the contract names the field alone."""
    return [{**error, "loc": error["loc"][1:] or error["loc"]} for error in errors]


def _routing_error(error: HTTPException) -> AxonError:
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:
        # FastAPI's own answer to a body that is JSON but beyond Python's limits.
        return ValidationFailed({"body": "El cuerpo no es JSON válido"})
    routed = AxonError(str(error.detail), message_en=status.phrase)
    routed.status = error.status_code
    routed.title = routed.title_en = status.phrase
    routed.codigo = status.name.lower()
    return routed


def _prefers_english(accept_language: str) -> bool:
    """Return whether English is asked for before Spanish (RFC 9110 §12.5.4)."""
    weights = {"en": 0.0, "es": 0.0}
    for item in accept_language.lower().split(","):
        match = re.fullmatch(
            r"\s*(en|es)(?:-[a-z0-9]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", item
        )
        if match:
            weight = float(match[2]) if match[2] else 1.0
            weights[match[1]] = max(weights[match[1]], weight)
    return weights["en"] > weights["es"]
