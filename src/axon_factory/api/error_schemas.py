"""Schemas of errors, made from the tree of `AxonError`: one a class, told by its `codigo`."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from uuid import UUID

from fastapi import Request

from axon_factory.accounts.errors import CredentialExpired, TooManyAttempts, WeakPassword
from axon_factory.api.errors import error_answer
from axon_factory.api.idempotency import IdempotencyKeyReused, RequestInFlight
from axon_factory.api.refusals import (
    AddressTooLong,
    HeadersTooLarge,
    MalformedRequest,
    MethodNotAllowed,
    MisdirectedRequest,
    NotReady,
    PayloadTooLarge,
    RequestTimedOut,
    TooManyRequests,
    UnsupportedContent,
)
from axon_factory.api.versioning import UnknownVersion
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.errors import (
    AttemptEnded,
    AxonError,
    Conflict,
    Forbidden,
    NotCancellable,
    NotFound,
    OrderEnded,
    OrderErased,
    OrderNotFound,
    OwnOrder,
    PlanNotFound,
    PlanOutdated,
    PreconditionFailed,
    ReceiptRefused,
    ResultNotReady,
    TransitionRefused,
    Unavailable,
    ValidationFailed,
)
from axon_factory.domain.failure import TROUBLES, Trouble
from axon_factory.domain.permissions import Action, KeyScope, Role
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.shared import EXAMPLE_ID, EXAMPLE_NUMBER, design_example
from axon_factory.orders.bulk import SelectionChanged
from axon_factory.orders.feedback import TooManyReports
from axon_factory.orders.portal_codes import TooManyCodes
from axon_factory.orders.questions.asking import QuestionClosed

__all__ = ["error_example", "error_schema"]

Schema = dict[str, Any]

_REQUEST_ID: Schema = {
    "type": ["string", "null"],
    "description": "Nombre de la solicitud en los registros.",
}
_STATES: Schema = {"type": "array", "items": {"$ref": "#/components/schemas/OrderState"}}
_STATE: Schema = {
    "allOf": [{"$ref": "#/components/schemas/OrderState"}],
    "description": "Estado de la orden.",
}
_SHARED: Mapping[str, Schema] = MappingProxyType(
    {
        "error": {"type": "string", "description": "El error, como lo escribe el diseño."},
        "message": {"type": "string", "description": "Qué pasó y qué hacer, para personas."},
        "title": {"type": "string", "description": "Resumen, igual para todos los de su tipo."},
        "detail": {"type": "string", "description": "Qué pasó esta vez."},
        "instance": {"type": "string", "description": "La ruta que se pidió."},
    }
)

_MEMBERS: Mapping[type[AxonError], Mapping[str, Schema]] = MappingProxyType(
    {
        ValidationFailed: {
            "details": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Ruta de cada campo incorrecto, con una frase que lo explica.",
            }
        },
        ResultNotReady: {
            "estado_actual": _STATE,
            "progreso": {"type": "integer", "description": "Avance, en %."},
            "mensaje": {"type": "string", "description": "Cómo va la orden."},
            "estimacion_tiempo_restante": {
                "type": ["string", "null"],
                "description": "Por ejemplo `8-12 horas`; null en estados terminales.",
            },
        },
        NotCancellable: {"estado_actual": _STATE},
        OrderEnded: {"estado_actual": _STATE},
        ReceiptRefused: {
            "estado_actual": _STATE,
            "intento": {"type": "integer", "description": "El intento que se revisa."},
            "commit": {"type": ["string", "null"], "description": "El commit que se revisa."},
        },
        TransitionRefused: {
            "estado_actual": _STATE,
            "transiciones_permitidas": {
                **_STATES,
                "description": "Estados a los que quien pregunta puede llevar la orden.",
            },
        },
        PlanOutdated: {
            "plan_version": {"type": "integer", "description": "Versión del plan vigente."},
            "plan_hash": {
                "type": ["string", "null"],
                "description": "SHA-256 del plan vigente.",
            },
            "cambios": {
                "type": ["array", "null"],
                "items": {"$ref": "#/components/schemas/PlanDifference"},
                "description": "Qué cambió desde el plan leído; null si lo leído no era de aquí.",
            },
        },
        PreconditionFailed: {
            "version_actual": {"type": "integer", "description": "Versión vigente."}
        },
        SelectionChanged: {
            "total": {"type": "integer", "description": "Órdenes que el filtro tiene ahora."},
            "esperado": {"type": ["integer", "null"], "description": "Las que se esperaban."},
        },
        NotReady: {
            "problemas": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/MachineProblem"},
                "description": "Qué impide trabajar.",
            }
        },
        UnknownVersion: {
            "versiones": {
                "type": "array",
                "items": {"type": "string", "format": "date"},
                "description": "Versiones que esta API atiende.",
            }
        },
    }
)
"""Members of an error besides the shared ones; subclasses have them too."""

_OPTIONAL: Mapping[type[AxonError], Mapping[str, Schema]] = MappingProxyType(
    {
        Forbidden: {
            "permiso_requerido": {
                "type": "string",
                "description": "Permiso que la operación necesita.",
            },
            "alcances_validos": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/KeyScope"},
                "description": "Alcances de una clave API que lo permiten.",
            },
            "roles_validos": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Role"},
                "description": "Roles que lo permiten.",
            },
        },
        TransitionRefused: {
            "hitos_pendientes": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Hitos del plan sin commit en este intento.",
            },
            "verificaciones_pendientes": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Verificaciones sin recibo aprobado de este intento y commit.",
            },
        },
    }
)
"""Members that not every error of the class has."""

_TOO_EASY = Sentence("Es fácil de adivinar: elige otra", "It is easy to guess: choose another one")
_SECONDS = 42
_PRODUCT_TYPES = ", ".join(PRODUCT_TYPES)
_SAMPLES: Mapping[type[AxonError], Callable[[], AxonError]] = MappingProxyType(
    {
        ValidationFailed: lambda: ValidationFailed(
            {
                field: Sentence(spanish, f"Not a valid product type. One of: {_PRODUCT_TYPES}")
                for field, spanish in design_example("3.1-create.400")["details"].items()
            }
        ),
        ResultNotReady: lambda: ResultNotReady(extra=_not_ready()),
        NotCancellable: lambda: NotCancellable(
            design_example("3.6-cancel.400")["message"],
            message_en="The order is in state 'construccion'. Only orders in 'nuevo' or "
            "'planificacion' can be cancelled",
            extra={"estado_actual": design_example("3.6-cancel.400")["estado_actual"]},
        ),
        Forbidden: lambda: Forbidden(
            design_example("3.5-update.403")["message"],
            message_en="This endpoint is for internal use of the system only",
            extra={
                "permiso_requerido": Action.UPDATE_ORDER.value,
                "alcances_validos": [KeyScope.ADMIN.value],
                "roles_validos": [Role.ADMIN.value, Role.OPERATOR.value, Role.SYSTEM.value],
            },
        ),
        OrderErased: lambda: OrderErased(EXAMPLE_NUMBER),
        OrderNotFound: lambda: OrderNotFound(EXAMPLE_ID),
        OwnOrder: OwnOrder,
        OrderEnded: lambda: OrderEnded(EXAMPLE_NUMBER, "entregado"),
        ReceiptRefused: lambda: ReceiptRefused(
            "El recibo es del intento 1; se revisa el 2",
            message_en="The receipt is of attempt 1; attempt 2 is reviewed",
            extra={"estado_actual": "qa", "intento": 2, "commit": "9f86d081884c7d65" * 2},
        ),
        PlanNotFound: lambda: PlanNotFound(EXAMPLE_NUMBER, 9),
        TransitionRefused: lambda: TransitionRefused(
            f"La orden {EXAMPLE_NUMBER} está en 'construccion' y no puede pasar a 'entregado'",
            message_en=f"Order {EXAMPLE_NUMBER} is in 'construccion' and cannot move to "
            "'entregado'",
            extra={"estado_actual": "construccion", "transiciones_permitidas": ["qa"]},
        ),
        PlanOutdated: lambda: PlanOutdated(
            "Leíste el plan v1; el que espera es el v2",
            message_en="You read plan v1; v2 is waiting",
            extra={
                "plan_version": 2,
                "plan_hash": "9f86d081884c7d65" * 4,
                "cambios": [
                    {
                        "campo": "recursos_requeridos.ram_gb",
                        "cambio": "cambiado",
                        "antes": 4,
                        "despues": 2,
                    }
                ],
            },
        ),
        PreconditionFailed: lambda: PreconditionFailed(
            f"La orden {EXAMPLE_NUMBER} está en la versión 9; léela de nuevo y repite el cambio",
            message_en=f"Order {EXAMPLE_NUMBER} is at version 9; read it again and repeat the "
            "change",
            version=9,
        ),
        SelectionChanged: lambda: SelectionChanged(
            "El filtro coincide ahora con 4 órdenes; pide de nuevo la vista previa",
            message_en="The filter matches 4 orders now; ask for the preview again",
            extra={"total": 4, "esperado": 3},
        ),
        NotReady: lambda: NotReady(
            [
                {
                    "codigo": Trouble.DISCO_LLENO.value,
                    "mensaje": TROUBLES[Trouble.DISCO_LLENO],
                    "ordenes": 3,
                }
            ]
        ),
        UnknownVersion: lambda: UnknownVersion("2020-01-01"),
        CredentialExpired: CredentialExpired.access_token,
        AttemptEnded: lambda: AttemptEnded("0", "Builder Agent", UUID(EXAMPLE_ID), 1),
        WeakPassword: lambda: WeakPassword("password_nueva", _TOO_EASY),
        TooManyAttempts: lambda: TooManyAttempts(_SECONDS),
        TooManyCodes: lambda: TooManyCodes(_SECONDS),
        TooManyReports: lambda: TooManyReports(_SECONDS),
        TooManyRequests: lambda: TooManyRequests(_SECONDS),
    }
)
"""How an error of the class comes about that tells more than a sentence."""

_SENTENCES: Mapping[type[AxonError], Sentence] = MappingProxyType(
    {
        AxonError: Sentence("Error interno", "Internal error"),
        AddressTooLong: Sentence(
            "La dirección admite como máximo 8192 bytes", "The address may have at most 8192 bytes"
        ),
        Conflict: Sentence(
            "Las credenciales ya se mostraron una vez; rótalas para obtener nuevas",
            "The credentials were shown already; rotate them to get new ones",
        ),
        HeadersTooLarge: Sentence(
            "La cabecera admite como máximo 16384 bytes", "The head may have at most 16384 bytes"
        ),
        IdempotencyKeyReused: Sentence(
            "Esta Idempotency-Key ya se usó para otra solicitud; usa una nueva",
            "This Idempotency-Key was used for another request; use a new one",
        ),
        MalformedRequest: Sentence(
            "El cuerpo no mide lo que dice Content-Length",
            "The body is not as long as Content-Length says",
        ),
        MethodNotAllowed: Sentence(
            "Esta dirección admite GET, PATCH", "This address takes GET, PATCH"
        ),
        MisdirectedRequest: Sentence(
            "Esta fábrica no responde bajo ese nombre (AXON_ALLOWED_HOSTS)",
            "This factory does not answer under that name (AXON_ALLOWED_HOSTS)",
        ),
        NotFound: Sentence("No hay nada en esta dirección", "There is nothing here"),
        PayloadTooLarge: Sentence(
            "El cuerpo admite como máximo 262144 bytes", "The body may have at most 262144 bytes"
        ),
        QuestionClosed: Sentence(
            "La pregunta 1 ya tiene respuesta", "Question 1 has been answered already"
        ),
        RequestInFlight: Sentence(
            "Una solicitud con esta Idempotency-Key está en curso; repítela en unos segundos",
            "A request with this Idempotency-Key is in flight; repeat it in a moment",
        ),
        RequestTimedOut: Sentence(
            "La solicitud no llegó completa a tiempo", "The request did not arrive whole in time"
        ),
        Unavailable: Sentence(
            "La base de datos no responde; intenta de nuevo en unos segundos",
            "The database does not answer; try again in a few seconds",
        ),
        UnsupportedContent: Sentence(
            "El cuerpo debe ser application/json en UTF-8",
            "The body must be application/json in UTF-8",
        ),
    }
)
"""What is said of an error that is told by a sentence alone; the others bring their own."""


def error_schema(error: type[AxonError]) -> Schema:
    """Return the schema of one class of errors: the documented keys and RFC 9457's members."""
    own: dict[str, Schema] = {
        "codigo": {"const": error.codigo, "type": "string", "description": "Código estable."},
        "type": {
            "const": f"urn:axon-factory:error:{error.codigo}",
            "type": "string",
            "description": "Nombre del tipo de error (RFC 9457).",
        },
        "status": {
            "const": error.status,
            "type": "integer",
            "description": "El estado de HTTP.",
        },
    }
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        own["request_id"] = _REQUEST_ID
    required = _members(error, _MEMBERS)
    return {
        "title": error.__name__,
        "type": "object",
        "description": f"{error.status}, `{error.codigo}`: {error.title}.",
        "properties": {**_SHARED, **own, **required, **_members(error, _OPTIONAL)},
        "required": sorted({*_SHARED, *own, *required} - {"message"}),
        "examples": [error_example(error)],
    }


def error_example(
    error: type[AxonError], instance: str = f"/api/orders/{EXAMPLE_ID}", *, language: str = "es"
) -> Schema:
    """Return the body of such an error, made where all error answers are made."""
    headers = [(b"accept-language", language.encode())]
    request = Request({"type": "http", "method": "GET", "path": instance, "headers": headers})
    return json.loads(bytes(error_answer(request, _sample(error)).body))


def _sample(error: type[AxonError]) -> AxonError:
    make = _SAMPLES.get(error)
    if make is not None:
        return make()
    sentence = _SENTENCES.get(error)
    return error() if sentence is None else error(sentence)


def _members(
    error: type[AxonError], table: Mapping[type[AxonError], Mapping[str, Schema]]
) -> Schema:
    return {
        name: schema
        for ancestor in error.__mro__
        for name, schema in table.get(ancestor, {}).items()
    }


def _not_ready() -> dict[str, Any]:
    example = design_example("3.3-result.400")
    english = f"The autopilot is being built. See its state at /api/orders/{EXAMPLE_ID}"
    told = {key: value for key, value in example.items() if key != "error"}
    return told | {"mensaje": Sentence(example["mensaje"], english)}
