"""The one place that builds error answers (resolutions 12).

Every body has the documented keys, `codigo`, and the RFC 9457 members; it is
`application/problem+json` when the caller asks for that.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, RootModel
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from axon_factory.api.answers import prefers_english
from axon_factory.api.refusals import MethodNotAllowed
from axon_factory.api.routes import allowed_methods
from axon_factory.domain.errors import (
    AuthenticationRequired,
    AxonError,
    NotFound,
    ValidationFailed,
)
from axon_factory.domain.text import Sentence, in_english
from axon_factory.orders.requests import field_messages

__all__ = ["error_answer", "install_error_handlers", "plain_error_body"]

_PROBLEM = "application/problem+json"


FailurePage = Callable[[Request, AxonError], Response | None]
"""Returns the page that tells a browser of an error, None for a program."""


def error_answer(request: HTTPConnection, error: AxonError) -> Response:
    """Return the answer that tells of `error`, in the caller's language.

    A browser gets the page that `app.state.failure_page` makes.
    """
    app: FastAPI | None = request.scope.get("app")
    show: FailurePage | None = getattr(app.state, "failure_page", None) if app else None
    page = show(request, error) if show and isinstance(request, Request) else None
    if page is not None:
        return page
    return _document(request, error)


def _document(request: HTTPConnection, error: AxonError) -> JSONResponse:
    english = prefers_english(request.headers.get("accept-language", ""))
    body = _body(error, _sent_path(request), english=english)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        body["request_id"] = getattr(request.state, "request_id", None)
    headers = {"Content-Language": "en" if english else "es", "Vary": "Accept, Accept-Language"}
    if isinstance(error, AuthenticationRequired):
        headers["WWW-Authenticate"] = _challenge(error)
        headers["Cache-Control"] = "no-store"
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    wants_problem = _PROBLEM in request.headers.get("accept", "")
    return JSONResponse(
        body,
        status_code=error.status,
        headers=headers,
        media_type=_PROBLEM if wants_problem else "application/json",
    )


def _challenge(error: AuthenticationRequired) -> str:
    challenge = f'{error.scheme} realm="axon-factory"'
    # Only RFC 6750's scheme has an `error`.
    if error.challenge_error is None or error.scheme != "Bearer":
        return challenge
    return f'{challenge}, error="{error.challenge_error}"'


def plain_error_body(error: AxonError) -> bytes:
    """Return what is told of `error` where no request could be read: in Spanish, as JSON."""
    return to_json(_body(error, "/", english=False))


def _body(error: AxonError, instance: str, *, english: bool) -> dict[str, Any]:
    body = in_english(error.body()) if english else error.body()
    sentence = error.message_en if english else error.message
    title = error.title_en if english else error.title
    if sentence:
        body["message"] = sentence
    return body | {
        # A name, not an address: it stays the same wherever the pages of the errors are served.
        "type": f"urn:axon-factory:error:{error.codigo}",
        "title": title,
        "status": error.status,
        "detail": sentence or title,
        "instance": instance,
    }


def _sent_path(request: HTTPConnection) -> str:
    """Return the path as it was sent: percent-encoded, as a URI reference must be."""
    raw: bytes | None = request.scope.get("raw_path")
    return raw.decode("latin-1") if raw else request.url.path


def install_error_handlers(app: FastAPI) -> None:
    """Make every failure of `app` an answer of the documented shape."""

    @app.exception_handler(AxonError)
    async def _known(request: Request, error: AxonError) -> Response:  # pyright: ignore[reportUnusedFunction] — registered
        return error_answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:  # pyright: ignore[reportUnusedFunction] — registered
        return error_answer(request, ValidationFailed(field_messages(_located(request, error))))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:  # pyright: ignore[reportUnusedFunction] — registered
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return _other_method(request)
        answer = error_answer(request, _routing_error(error))
        answer.headers.update(error.headers or {})
        return answer


def _other_method(request: Request) -> Response:
    """Answer a method that no route at this path takes (RFC 9110 §15.5.6).

    The router names the methods of the first route of several only.
    """
    allow = {"Allow": ", ".join(allowed_methods(request.app.routes, request.scope["path"]))}
    if request.method == "OPTIONS":
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=allow)
    answer = error_answer(
        request,
        MethodNotAllowed(
            f"Esta dirección admite {allow['Allow']}",
            message_en=f"This address takes {allow['Allow']}",
        ),
    )
    answer.headers.update(allow)
    return answer


def _located(request: Request, refused: RequestValidationError) -> list[Mapping[str, Any]]:
    """Drop where a field was ("body", "query"): the contract names the field alone.

    A parameter has no parts for its caller: the values of a list come in one text. Where there is
    no body at all, the fields that it must have are missing.
    """
    located: list[Mapping[str, Any]] = []
    for error in refused.errors():
        if error["loc"] == ("body",) and error["type"] == "missing":
            places = [(name,) for name in _required(request)] or [("body",)]
        else:
            places = [_place(error["loc"])]
        located += [{**error, "loc": place} for place in places]
    return located


def _required(request: Request) -> list[str]:
    """Return the fields that a body of the request's route must have."""
    body = getattr(request.scope.get("route"), "body_field", None)
    model: object = None if body is None else body.field_info.annotation
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return []
    if issubclass(model, RootModel):  # its one field is no member of the body
        return []
    fields = model.model_fields.items()
    return [info.alias or name for name, info in fields if info.is_required()]


def _place(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    if location[0] != "body":
        return location[1:2] or location
    return location[1:] or location


def _routing_error(error: HTTPException) -> AxonError:
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:
        # FastAPI's own answer to a body that is JSON but beyond Python's limits.
        return ValidationFailed(
            {"body": Sentence("El cuerpo no es JSON válido", "The body is not valid JSON")}
        )
    if status is HTTPStatus.NOT_FOUND:
        return NotFound("No hay nada en esta dirección", message_en="There is nothing here")
    routed = AxonError(status.phrase)
    routed.status = error.status_code
    routed.title = routed.title_en = status.phrase
    routed.codigo = status.name.lower()
    return routed
