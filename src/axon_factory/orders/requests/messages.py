"""What is said of a wrong field, by the path that names it (design §3.1), in both languages."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.text import Sentence

__all__ = ["error_line", "field_messages", "plain_name", "sentence_of", "validated"]

_PLAIN_NAME = re.compile(r"[\w.\[\]-]{1,64}", re.ASCII)
_OBJECT = Sentence("Debe ser un objeto JSON", "Must be a JSON object")
_TIME = Sentence(
    "Debe ser una fecha con zona horaria, por ejemplo 2025-11-14T10:00:00Z",
    "Must be a time with its zone, for example 2025-11-14T10:00:00Z",
)
_WHOLE = Sentence("Debe ser un número entero", "Must be a whole number")
_TRUE_OR_FALSE = Sentence("Debe ser verdadero o falso", "Must be true or false")
_MESSAGES: Mapping[str, Sentence] = {
    "missing": Sentence("Falta este campo", "This field is missing"),
    "extra_forbidden": Sentence("Este campo no existe aquí", "There is no such field here"),
    "string_type": Sentence("Debe ser un texto", "Must be a text"),
    "string_too_short": Sentence("No puede estar vacío", "Must not be empty"),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "list_type": Sentence("Debe ser una lista", "Must be a list"),
    "bool_type": _TRUE_OR_FALSE,
    "bool_parsing": _TRUE_OR_FALSE,
    "too_short": Sentence("No puede estar vacía", "Must not be empty"),
    "timezone_aware": _TIME,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "json_invalid": Sentence("El cuerpo no es JSON válido", "The body is not valid JSON"),
}
_OF_FIELDS: Mapping[tuple[str, str], Sentence] = {
    ("missing", "plan_version"): Sentence(
        "Falta la versión del plan que leíste: `plan_version` de GET /api/orders/{id}",
        "The version of the plan that you read is missing: `plan_version` of GET /api/orders/{id}",
    ),
    ("missing", "plan_hash"): Sentence(
        "Falta el hash del plan que leíste: `plan_hash` de GET /api/orders/{id}",
        "The hash of the plan that you read is missing: `plan_hash` of GET /api/orders/{id}",
    ),
    ("string_pattern_mismatch", "plan_hash"): Sentence(
        "Debe ser el `plan_hash` de GET /api/orders/{id}: 64 cifras hexadecimales",
        "Must be the `plan_hash` of GET /api/orders/{id}: 64 hexadecimal digits",
    ),
    ("string_pattern_mismatch", "presupuesto_usd"): Sentence(
        "Debe ser un importe en dólares mayor que cero, por ejemplo 12.50",
        "Must be an amount in dollars above zero, for example 12.50",
    ),
}
"""What is said of some fields in place of the general sentence, by kind of error and field."""
_INVALID = Sentence("Valor no válido", "Not a valid value")


def field_messages(errors: Iterable[Mapping[str, Any]]) -> dict[str, Sentence]:
    """Turn Pydantic's errors into {"datos_cliente.email": "sentence"} (design §3.1)."""
    details: dict[str, Sentence] = {}
    for error in errors:
        path = ".".join(plain_name(str(part)) for part in error["loc"]) or "body"
        details.setdefault(path, sentence_of(error))
    return details


def error_line(location: tuple[str | int, ...], sentence: Sentence) -> InitErrorDetails:
    """Return a line of a Pydantic error that says `sentence` of a field."""
    error = ValueError(sentence)
    return InitErrorDetails(type="value_error", loc=location, input=None, ctx={"error": error})


def sentence_of(error: Mapping[str, Any]) -> Sentence:
    """Return what a line of a Pydantic error says; a validator says its own by ValueError."""
    context: Mapping[str, Any] = error.get("ctx") or {}
    kind = _kind_of(error)
    special = _OF_FIELDS.get((kind, str(error["loc"][-1]) if error["loc"] else ""))
    if special is not None:
        return special
    match kind:
        case "value_error":
            said = context["error"].args[0]
            return said if isinstance(said, Sentence) else _INVALID
        case "enum" | "literal_error":
            options = re.sub(r" or |, ", ", ", context["expected"]).replace("'", "")
            options = {"True": "true", "False": "false"}.get(options, options)
            return Sentence(
                f"Valor no válido. Opciones: {options}", f"Not a valid value. One of: {options}"
            )
        case "string_too_long":
            most = context["max_length"]
            return Sentence(
                f"Admite como máximo {most} caracteres", f"May have at most {most} characters"
            )
        case "too_long":
            most = context["max_length"]
            return Sentence(
                f"Admite como máximo {most} elementos", f"May have at most {most} items"
            )
        case "greater_than_equal" | "less_than_equal":
            limit = f"≥ {context['ge']}" if "ge" in context else f"≤ {context['le']}"
            return Sentence(f"Debe ser {limit}", f"Must be {limit}")
        case _:
            return _MESSAGES.get(kind, _INVALID)


def _kind_of(error: Mapping[str, Any]) -> str:
    """Return the type of an error; Pydantic calls a secret text "too long" as it calls a list."""
    kind: str = error["type"]
    if kind in {"too_long", "too_short"} and isinstance(error.get("input"), str):
        return f"string_{kind}"
    return kind


def plain_name(name: str) -> str:
    """Return the name of a field or parameter; "?" for one that is not plain enough to repeat."""
    return name if _PLAIN_NAME.fullmatch(name) else "?"


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
