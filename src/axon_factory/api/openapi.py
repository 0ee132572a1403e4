"""The OpenAPI document: what routes declare, and what follows for each from guard, path and body.

FastAPI gives parameters, bodies and declared answers. Every status that the edge, the guard or the
way of writing can answer is added here from the tables that decide them, so that no route repeats
it and none forgets it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, TypeVar, cast

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from axon_factory.accounts.errors import AmbiguousCredentials, CredentialExpired
from axon_factory.api import components as shared
from axon_factory.api.answers import json_response
from axon_factory.api.authentication import PasswordChangeRequired
from axon_factory.api.client_generators import suit_generators
from axon_factory.api.components import NAMES, PARAMETER_TEXTS, PATH_IDS, TAGS
from axon_factory.api.error_schemas import error_example, error_schema
from axon_factory.api.idempotency import IdempotencyKeyReused, RequestInFlight
from axon_factory.api.refusals import (
    AddressTooLong,
    HeadersTooLarge,
    MalformedRequest,
    MisdirectedRequest,
    Overloaded,
    PayloadTooLarge,
    RequestTimedOut,
    TooManyRequests,
    UnsupportedContent,
)
from axon_factory.api.routes import ERRORS, VALIDATED, declared_routes, documented_path
from axon_factory.api.versioning import CURRENT, UnknownVersion
from axon_factory.domain.answers import AnswerModel
from axon_factory.domain.errors import (
    AttemptEnded,
    AuthenticationRequired,
    AxonError,
    Forbidden,
    NotFound,
    OrderErased,
    OrderNotFound,
    PreconditionFailed,
    Unavailable,
    ValidationFailed,
)
from axon_factory.domain.permissions import Action
from axon_factory.domain.requests import RequestModel

__all__ = ["install_openapi", "openapi_document"]

Json = dict[str, Any]
Errors = tuple[type[AxonError], ...]
Model = TypeVar("Model", AnswerModel, RequestModel)

_INTRODUCTION = """\
La fábrica de autopilotos: órdenes desde la venta hasta la entrega.

**Autenticación.** Una sola credencial por solicitud: `Authorization: Bearer` con el token de
`POST /api/auth/login`, `X-API-Key` para sistemas, o `X-System-Token` para agentes.

**Errores.** Todos tienen `codigo`, estable, y los miembros de RFC 9457; los programas deciden por
`status` y `codigo`. Con `Accept: application/problem+json` tienen ese tipo de contenido.

**Escrituras.** Con `Idempotency-Key` una solicitud repetida recibe la primera respuesta durante 24
horas. Con `If-Match` un cambio se hace solo si la orden es la que se leyó.

**Versiones.** `Axon-Version` fija la versión del contrato. Dentro de una versión solo se agrega:
los programas deben ignorar las claves que no conocen.
"""

_SHARED_PARAMETERS = ["Axon-Version", "Accept-Language"]
_ALWAYS: Errors = (
    ValidationFailed,
    MalformedRequest,
    UnknownVersion,
    RequestTimedOut,
    AddressTooLong,
    MisdirectedRequest,
    TooManyRequests,
    HeadersTooLarge,
    Unavailable,
    Overloaded,
)
_GUARDED: Errors = (
    AuthenticationRequired,
    CredentialExpired,
    AttemptEnded,
    AmbiguousCredentials,
    Forbidden,
    PasswordChangeRequired,
)
_TOO_EARLY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_WITH_BODY: Errors = (PayloadTooLarge, UnsupportedContent)
_WRITING: Errors = (RequestInFlight, IdempotencyKeyReused)


def install_openapi(app: FastAPI, server_url: str) -> None:
    """Let `app` serve its document, made when it is first asked for."""

    @cache
    def document() -> Json:
        return openapi_document(app, server_url)

    app.openapi = document

    @app.get("/openapi.json", include_in_schema=False)
    async def contract(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] — registered
        # FastAPI takes most of a second to make it, in which others must be answered.
        made = await asyncio.to_thread(document)
        return json_response(request, made, headers={"Cache-Control": "no-cache"})


def openapi_document(app: FastAPI, server_url: str) -> Json:
    """Return the document of every route of `app` that is part of the contract.

    Args:
        app: the application with all its routes.
        server_url: the address under which the world reaches it.
    """
    document = get_openapi(
        title="Axon Factory: Orders API",
        version=CURRENT.name,
        description=_INTRODUCTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        servers=[{"url": server_url, "description": "Esta fábrica"}],
    )
    components = document["components"]
    schemas = cast("dict[str, Json]", components["schemas"])
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which nobody answers
        schemas.pop(name, None)
    _describe(schemas)
    responses: dict[str, Json] = {}
    actions = {(route.path, route.methods): route.action for route in declared_routes(app.routes)}
    for context in iter_route_contexts(app.routes):
        for operation in _operations(document, context):
            action = actions[documented_path(context), frozenset(context.methods or ())]
            _finish(operation, context, action, schemas, responses)
    schemas |= shared.SCHEMAS
    components |= {
        "schemas": dict(sorted(schemas.items())),
        "responses": dict(sorted(responses.items())),
        "headers": shared.HEADERS,
        "parameters": shared.PARAMETERS,
        "securitySchemes": shared.SECURITY,
    }
    suit_generators(document)
    return document


def _operations(document: Json, context: RouteContext) -> Iterator[Json]:
    if not getattr(context, "include_in_schema", False):
        return
    path = document["paths"].get(context.path_format, {})
    for method in context.methods or ():
        if method.lower() in path:
            yield path[method.lower()]


def _finish(
    operation: Json,
    context: RouteContext,
    action: Action | None,
    schemas: dict[str, Json],
    responses: dict[str, Json],
) -> None:
    declared = cast("dict[str, Json]", operation["responses"])
    declared.pop("422", None)  # FastAPI's shape of a refused body; ours is 400 (resolutions 12)
    is_read = "get" in {method.lower() for method in context.methods or ()}
    if action is not None:
        operation["security"] = shared.security_of(action)
    path = context.path_format or ""
    _finish_parameters(operation, path, validated=is_read and _is_validated(declared))
    for status, answer in list(declared.items()):
        model = context.responses.get(int(status), {}).get("model")
        example = getattr(model, "EXAMPLE", None)
        _finish_answer(status, answer, example, operation, is_read=is_read)
        if is_read and answer.pop(VALIDATED, False):
            declared["304"] = _not_modified(answer)
        answer.pop(VALIDATED, None)
    for status, errors in _by_status(_errors(operation, context, guarded=action is not None)):
        declared[status] = _error_response(errors, schemas, responses)
    operation["responses"] = dict(sorted(declared.items()))
    body = operation.get("requestBody")
    if body is not None:
        _finish_body(body)


def _is_validated(declared: Mapping[str, Json]) -> bool:
    return any(answer.get(VALIDATED) for answer in declared.values())


def _errors(operation: Json, context: RouteContext, *, guarded: bool) -> Errors:
    """Return every error that the operation can answer."""
    names = {_name(parameter) for parameter in operation.get("parameters", ())}
    own: Errors = getattr(context.endpoint, ERRORS, ())
    found: list[type[AxonError]] = [*own, *_ALWAYS]
    if not _is_versioned(context):
        found.remove(UnknownVersion)
    if guarded:
        found += _GUARDED
    if "requestBody" in operation:
        found += _WITH_BODY
    if "Idempotency-Key" in names:
        found += _WRITING
    if "id" in names and context.path_format and context.path_format.startswith("/api/orders/"):
        writes = [PreconditionFailed, OrderErased] if "If-Match" in names else []
        found += [OrderNotFound, *writes]
    elif "{" in (context.path_format or "") and not any(issubclass(e, NotFound) for e in own):
        found.append(NotFound)
    return tuple(dict.fromkeys(found))


def _is_versioned(context: RouteContext) -> bool:
    return (context.path_format or "").startswith("/api/")


def _by_status(errors: Errors) -> Iterator[tuple[str, Errors]]:
    for status in sorted({error.status for error in errors}):
        yield str(status), tuple(error for error in errors if error.status == status)


def _error_response(errors: Errors, schemas: dict[str, Json], responses: dict[str, Json]) -> Json:
    """Return a reference to the shared answer that is one of `errors`."""
    name = "Or".join(error.__name__ for error in errors)
    if name not in responses:
        for error in errors:
            schemas.setdefault(error.__name__, error_schema(error))
        content = {
            "schema": _one_of(errors),
            "examples": {
                error.codigo: {"summary": error.title, "value": error_example(error)}
                for error in errors
            },
        }
        responses[name] = {
            "description": ". ".join(dict.fromkeys(error.title for error in errors)) + ".",
            "headers": _header_references(_error_headers(errors)),
            "content": {"application/json": content, "application/problem+json": content},
        }
    return {"$ref": f"#/components/responses/{name}"}


def _one_of(errors: Errors) -> Json:
    references = {error.codigo: f"#/components/schemas/{error.__name__}" for error in errors}
    if len(references) == 1:
        return {"$ref": next(iter(references.values()))}
    return {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "codigo", "mapping": references},
    }


def _error_headers(errors: Errors) -> Sequence[str]:
    headers = ["Axon-Version", "X-Request-Id", "Content-Language", "RateLimit", "RateLimit-Policy"]
    if any(issubclass(error, AuthenticationRequired) for error in errors):
        headers.append("WWW-Authenticate")
    if any(error.status in _TOO_EARLY or error.retry_after is not None for error in errors):
        headers.append("Retry-After")
    return headers


def _finish_parameters(operation: Json, path: str, *, validated: bool) -> None:
    parameters = cast("list[Json]", operation.setdefault("parameters", []))
    for parameter in parameters:
        name = _name(parameter)
        parameter["name"] = name
        text = _id_text(path) if name == "id" else PARAMETER_TEXTS.get(name)
        if text is not None:
            parameter.setdefault("description", text)
        parameter["schema"] = _present(parameter["schema"])
        _strip_titles(parameter["schema"])
    names = ["If-None-Match"] * validated + _SHARED_PARAMETERS * path.startswith("/api/")
    parameters += [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _present(schema: Json) -> Json:
    """Return the schema of a parameter that is there: one that is not has no null to send."""
    others = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(others) != 1:
        return schema
    return {key: value for key, value in schema.items() if key != "anyOf"} | others[0]


def _id_text(path: str) -> str | None:
    return next((text for start, text in PATH_IDS.items() if path.startswith(start)), None)


def _name(parameter: Json) -> str:
    """Return the name as RFCs write it; of a header FastAPI knows only the lower case."""
    name: str = parameter.get("name", "")
    known = {text.lower(): text for text in PARAMETER_TEXTS}
    return known.get(name.lower(), name) if parameter.get("in") == "header" else name


def _finish_answer(
    status: str, answer: Json, example: object, operation: Json, *, is_read: bool
) -> None:
    for media in answer.get("content", {}).values():
        _strip_titles(media.get("schema", {}))
        if example is not None:
            media.setdefault("example", example)
    headers = ["Axon-Version", "X-Request-Id", "RateLimit", "RateLimit-Policy"]
    if answer.get(VALIDATED):
        headers.append("ETag")
    if status == "201":
        headers.append("Location")
    if not is_read and _has_key(operation):
        headers.append("Idempotency-Replayed")
    answer["headers"] = answer.get("headers", {}) | _header_references(headers)


def _has_key(operation: Json) -> bool:
    return any(_name(parameter) == "Idempotency-Key" for parameter in operation["parameters"])


def _not_modified(answer: Json) -> Json:
    return {
        "description": "Nada cambió desde el ETag de `If-None-Match`; sin cuerpo.",
        "headers": answer["headers"],
    }


def _header_references(names: Sequence[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _finish_body(body: Json) -> None:
    examples = _examples()
    for media in body["content"].values():
        example = examples.get(media["schema"].get("$ref", "").rpartition("/")[2])
        if example is not None:
            media["example"] = example


def _describe(schemas: dict[str, Json]) -> None:
    """Give every schema its Spanish text and its example, and drop the titles of mere fields."""
    examples = _examples()
    for name, schema in schemas.items():
        if name in NAMES:
            schema["description"] = NAMES[name]
        # Examples have nulls, which FastAPI's encoder leaves out.
        if name in examples:
            schema["examples"] = [examples[name]]
        for member in schema.get("properties", {}).values():
            _strip_titles(member)


def _examples() -> dict[str, Mapping[str, Any]]:
    """Return the examples that models have, by the model's name."""
    models = [*_below(AnswerModel), *_below(RequestModel)]
    return {model.__name__: model.EXAMPLE for model in models if model.EXAMPLE is not None}


def _strip_titles(schema: Any) -> None:  # noqa: ANN401 — any part of a schema
    if isinstance(schema, dict):
        part = cast("Json", schema)
        if isinstance(part.get("title"), str):
            del part["title"]
        for value in part.values():
            _strip_titles(value)
    elif isinstance(schema, list):
        for value in cast("list[Any]", schema):
            _strip_titles(value)


def _below(model: type[Model]) -> Iterator[type[Model]]:
    yield model
    for subclass in model.__subclasses__():
        yield from _below(subclass)
