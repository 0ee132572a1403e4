"""Checks `datos_cliente.configuracion` by the schema of its product type (resolutions 8)."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.text import Sentence
from axon_factory.orders.requests.formats import FORMATS

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

__all__ = ["SENTENCES", "configuration_errors"]

Path = tuple[str | int, ...]

_MOST_ERRORS = 100
_SIZES = frozenset({"maxItems", "maxProperties"})
_MISSING = Sentence("Falta este campo", "This field is missing")
_TYPES: Mapping[str, tuple[str, str]] = {
    "array": ("una lista", "a list"),
    "boolean": ("verdadero o falso", "true or false"),
    "integer": ("un número entero", "a whole number"),
    "number": ("un número", "a number"),
    "object": ("un objeto JSON", "a JSON object"),
    "string": ("un texto", "a text"),
}


def _wrong_type(types: str | list[str]) -> Sentence:
    names = [_TYPES[name] for name in ([types] if isinstance(types, str) else types)]
    return Sentence(
        f"Debe ser {' o '.join(spanish for spanish, _ in names)}",
        f"Must be {' or '.join(english for _, english in names)}",
    )


SENTENCES: Mapping[str, Callable[[Any], Sentence]] = {
    "type": _wrong_type,
    "format": lambda name: FORMATS[name].sentence,
    "minLength": lambda _: Sentence("No puede estar vacío", "Must not be empty"),
    "maxLength": lambda most: Sentence(
        f"Admite como máximo {most} caracteres", f"May have at most {most} characters"
    ),
    "maxItems": lambda most: Sentence(
        f"Admite como máximo {most} elementos", f"May have at most {most} items"
    ),
    "maxProperties": lambda most: Sentence(
        f"Admite como máximo {most} campos", f"May have at most {most} fields"
    ),
    "minimum": lambda least: Sentence(f"Debe ser ≥ {least}", f"Must be ≥ {least}"),
    "maximum": lambda most: Sentence(f"Debe ser ≤ {most}", f"Must be ≤ {most}"),
    "exclusiveMaximum": lambda limit: Sentence(f"Debe ser < {limit}", f"Must be < {limit}"),
}
"""The keywords that a schema of the catalogue may use beside `required`, and what each says."""


def _is_integer(_checker: object, value: object) -> bool:
    """As everywhere on this API, 5.0 is no whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


@cache
def _validators() -> "Mapping[str, Validator]":
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 — only new orders need it
    from jsonschema.validators import (  # noqa: PLC0415 — as above
        extend,  # pyright: ignore[reportUnknownVariableType] — jsonschema gives it no types
    )

    formats = FormatChecker(formats=())
    for name, check in FORMATS.items():
        formats.checks(name)(check)
    kind = cast(
        "type[Validator]",
        extend(
            Draft202012Validator,
            type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
        ),
    )
    return {
        product.id: kind(product.configuracion_schema, format_checker=formats)
        for product in PRODUCT_TYPES.values()
    }


def configuration_errors(
    product_type: str, configuration: Mapping[str, Any]
) -> dict[Path, Sentence]:
    """Return what is wrong with a configuration: a sentence by the path of its field.

    Unknown keys are right. Of very many errors the first hundred are told.
    """
    found: dict[Path, Sentence] = {}
    errors = _validators()[product_type].iter_errors(configuration)
    for error in islice(errors, _MOST_ERRORS):
        for path, sentence in _told(error):
            found.setdefault(path, sentence)
        if error.validator in _SIZES:  # told before the elements are looked at, which may be many
            break
    return found


def _told(error: "ValidationError") -> Iterator[tuple[Path, Sentence]]:
    path = tuple(error.absolute_path)
    if error.validator == "required":
        for name in cast("list[str]", error.validator_value):
            if name not in cast("Mapping[str, Any]", error.instance):
                yield (*path, name), _MISSING
    else:
        yield path, SENTENCES[str(error.validator)](error.validator_value)
