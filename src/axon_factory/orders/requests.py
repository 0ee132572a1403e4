"""Strict request schemas of the order commands (design §3.1, §3.5); bad ones are refused whole."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Self, TypeVar, cast

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.events import LogLevel
from axon_factory.domain.priority import Priority
from axon_factory.domain.states import OrderState

__all__ = [
    "ClientData",
    "LogEntry",
    "LongText",
    "NewOrder",
    "OrderPatch",
    "field_messages",
    "validated",
]


_DEEPEST = 32
_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # any time zone's rendering stays within the calendar
_PLAIN_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)


def _known_product(value: str) -> str:
    if value not in PRODUCT_TYPES:
        raise ValueError(f"Tipo de producto no válido. Opciones: {', '.join(PRODUCT_TYPES)}")
    return value


def _mail_address(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError:
        raise ValueError("No es una dirección de correo válida") from None


def _whole(value: str) -> str:
    if "\x00" in value:
        raise ValueError("No puede contener el carácter NUL")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("Contiene un carácter que no es Unicode válido")
    return value


def _storable(value: Any) -> Any:  # noqa: ANN401 — any JSON value passes through
    return _storable_at(value, depth=0)


def _storable_at(value: Any, *, depth: int) -> Any:  # noqa: ANN401 — see above
    if depth > _DEEPEST:
        raise ValueError(f"Admite como máximo {_DEEPEST} niveles")
    match value:
        case str():
            return _whole(value)
        case float() if not math.isfinite(value):
            raise ValueError("Los números deben ser finitos")
        case list():
            items = cast("list[Any]", value)
            return [_storable_at(item, depth=depth + 1) for item in items]
        case dict():
            members = cast("dict[str, Any]", value).items()
            return {_whole(key): _storable_at(item, depth=depth + 1) for key, item in members}
        case _:
            return value


def _in_calendar(value: datetime) -> datetime:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"El año va de {_FIRST_YEAR} a {_LAST_YEAR}")
    return value


Text = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_whole)]
ShortText = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
OptionalText = Annotated[Text, StringConstraints(max_length=200)]
LongText = Annotated[Text, StringConstraints(min_length=1, max_length=4000)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
Time = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_in_calendar)]
Tags = Annotated[
    list[Annotated[Text, StringConstraints(min_length=1, max_length=50)]], Field(max_length=50)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="null")


class ClientData(BaseModel):
    """`datos_cliente`: nombre and email are required, unknown keys are kept (resolutions 8)."""

    model_config = ConfigDict(extra="allow", strict=True)

    nombre: ShortText
    email: Annotated[str, AfterValidator(_mail_address)]
    telefono: OptionalText | None = None
    industria: OptionalText | None = None
    pais: OptionalText | None = None
    configuracion: JsonObject = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_further_members(self) -> Self:
        _storable(self.model_extra)
        return self


class NewOrder(_Strict):
    """Body of POST /api/orders (design §3.1)."""

    tipo_producto: Annotated[str, AfterValidator(_known_product)]
    nombre_producto: ShortText
    datos_cliente: ClientData
    cliente_id: Annotated[Text, StringConstraints(min_length=1, max_length=100)] | None = None
    prioridad: Annotated[Priority, Field(strict=False)] = Priority.NORMAL
    tags: Tags = Field(default_factory=list)
    notas_internas: Annotated[Text, StringConstraints(max_length=10_000)] = ""


class LogEntry(_Strict):
    """One entry of `logs` as agents send it; time and agent are kept as given."""

    timestamp: Time | None = None
    agente: ShortText | None = None
    mensaje: LongText
    tipo: Annotated[LogLevel, Field(strict=False)] = LogLevel.INFO
    metadata: JsonObject = Field(default_factory=dict)


Hint = Time | None


class OrderPatch(_Strict):
    """Body of PATCH (design §3.5). Phase timestamps are hints and change nothing."""

    estado: Annotated[OrderState, Field(strict=False)] | None = None
    progreso: Annotated[int, Field(ge=0, le=100)] | None = None
    asignado_a: ShortText | None = None
    session_id: ShortText | None = None
    logs: Annotated[list[LogEntry], Field(max_length=100)] = Field(default_factory=list[LogEntry])
    prioridad: Annotated[Priority, Field(strict=False)] | None = None
    tags: Tags | None = None
    notas_internas: Annotated[Text, StringConstraints(max_length=10_000)] | None = None
    motivo: LongText | None = None
    planificado_at: Hint = None
    construccion_iniciada_at: Hint = None
    qa_iniciada_at: Hint = None
    entregado_at: Hint = None

    @property
    def fields(self) -> frozenset[str]:
        """The fields the caller sent."""
        return frozenset(self.model_fields_set)


_MESSAGES: Mapping[str, str] = {
    "missing": "Falta este campo",
    "extra_forbidden": "Este campo no existe aquí",
    "string_type": "Debe ser un texto",
    "int_type": "Debe ser un número entero",
    "dict_type": "Debe ser un objeto JSON",
    "model_type": "Debe ser un objeto JSON",
    "model_attributes_type": "Debe ser un objeto JSON",
    "list_type": "Debe ser una lista",
    "bool_type": "Debe ser verdadero o falso",
    "timezone_aware": "Debe ser una fecha con zona horaria, por ejemplo 2025-11-14T10:00:00Z",
    "datetime_parsing": "Debe ser una fecha con zona horaria, por ejemplo 2025-11-14T10:00:00Z",
    "datetime_from_date_parsing": "Debe ser una fecha, por ejemplo 2025-11-14T10:00:00Z",
    "json_invalid": "El cuerpo no es JSON válido",
}


def field_messages(errors: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Turn Pydantic's errors into {"datos_cliente.email": "sentence"} (design §3.1)."""
    details: dict[str, str] = {}
    for error in errors:
        path = ".".join(_named(part) for part in error["loc"]) or "body"
        details.setdefault(path, _sentence(error))
    return details


def _named(part: str | int) -> str:
    """Return a part of a field's path; of an unknown field only a plain name is repeated."""
    name = str(part)
    return name if _PLAIN_NAME.fullmatch(name) else "?"


def _sentence(error: Mapping[str, Any]) -> str:
    kind: str = error["type"]
    context: Mapping[str, Any] = error.get("ctx") or {}
    if kind == "value_error":
        return str(context.get("error", error["msg"]))
    if kind == "enum":
        return f"Valor no válido. Opciones: {context['expected'].replace(' or ', ', ')}".replace(
            "'", ""
        )
    if kind == "string_too_long":
        return f"Admite como máximo {context['max_length']} caracteres"
    if kind == "string_too_short":
        return "No puede estar vacío"
    if kind == "too_long":
        return f"Admite como máximo {context['max_length']} elementos"
    if kind in {"greater_than_equal", "less_than_equal"}:
        return f"Debe ser {'≥' if kind[0] == 'g' else '≤'} {context.get('ge', context.get('le'))}"
    return _MESSAGES.get(kind, "Valor no válido")


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], document: Mapping[str, Any]) -> Model:
    """Return `document` as `model`.

    Raises:
        ValidationFailed: naming each wrong field.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise ValidationFailed(field_messages(error.errors(include_url=False))) from None
