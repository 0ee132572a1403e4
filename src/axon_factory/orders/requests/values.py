"""The types of single values in requests."""

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.names import name_fault
from axon_factory.domain.text import Sentence
from axon_factory.orders.requests.formats import FORMATS

__all__ = [
    "ClientId",
    "JsonObject",
    "Line",
    "LogTime",
    "LongText",
    "MailAddress",
    "Name",
    "Notes",
    "OptionalName",
    "PhoneNumber",
    "ProductTypeId",
    "ShortText",
    "Tags",
    "Time",
    "storable",
]

_DEEPEST = 32
_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # any time zone's rendering stays within the calendar


def _known_product(value: str) -> str:
    if value not in PRODUCT_TYPES:
        known = ", ".join(PRODUCT_TYPES)
        raise ValueError(
            Sentence(
                f"Tipo de producto no válido. Opciones: {known}",
                f"Not a valid product type. One of: {known}",
            )
        )
    return value


def _mail_address(value: str) -> str:
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 — its patterns take 30 ms to compile

    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError:
        raise ValueError(
            Sentence("No es una dirección de correo válida", "Not a valid e-mail address")
        ) from None


def _phone_number(value: str) -> str:
    phone = FORMATS["phone"]
    if not phone(value):
        raise ValueError(phone.sentence)
    return value


def _whole(value: str) -> str:
    if "\x00" in value:
        raise ValueError(
            Sentence("No puede contener el carácter NUL", "Must not contain the character NUL")
        )
    if re.search("[\ud800-\udfff]", value):
        raise ValueError(
            Sentence(
                "Contiene un carácter que no es Unicode válido",
                "Contains a character that is not valid Unicode",
            )
        )
    return value


def _shown(value: str) -> str:
    fault = name_fault(value) if value else None
    if fault is not None:
        raise ValueError(fault)
    return value


def storable(value: Any) -> Any:  # noqa: ANN401 — any JSON value passes through
    """Return `value`, which the database can keep as JSON.

    Raises:
        ValueError: it is too deep, or holds a number or character that cannot be kept.
    """
    return _storable_at(value, depth=0)


def _storable_at(value: Any, *, depth: int) -> Any:  # noqa: ANN401 — see above
    if depth > _DEEPEST:
        raise ValueError(
            Sentence(
                f"Admite como máximo {_DEEPEST} niveles", f"May have at most {_DEEPEST} levels"
            )
        )
    match value:
        case str():
            return _whole(value)
        case float() if not math.isfinite(value):
            raise ValueError(Sentence("Los números deben ser finitos", "Numbers must be finite"))
        case list():
            items = cast("list[Any]", value)
            return [_storable_at(item, depth=depth + 1) for item in items]
        case dict():
            members = cast("dict[str, Any]", value).items()
            return {_whole(key): _storable_at(item, depth=depth + 1) for key, item in members}
        case _:
            return value


def _utc_without_zone(value: datetime) -> datetime:
    """The design's own agents write `datetime.utcnow().isoformat()`."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _in_calendar(value: datetime) -> datetime:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(
            Sentence(
                f"El año va de {_FIRST_YEAR} a {_LAST_YEAR}",
                f"The year is from {_FIRST_YEAR} to {_LAST_YEAR}",
            )
        )
    return value


Line = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_whole)]
ClientId = Annotated[Line, StringConstraints(min_length=1, max_length=100)]
ShortText = Annotated[Line, StringConstraints(min_length=1, max_length=200)]
OptionalText = Annotated[Line, StringConstraints(max_length=200)]
Name = Annotated[ShortText, AfterValidator(_shown)]
OptionalName = Annotated[OptionalText, AfterValidator(_shown)]
LongText = Annotated[Line, StringConstraints(min_length=1, max_length=4000)]
Notes = Annotated[Line, StringConstraints(max_length=10_000)]
ProductTypeId = Annotated[str, AfterValidator(_known_product)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
PhoneNumber = Annotated[OptionalText, AfterValidator(_phone_number)]
JsonObject = Annotated[dict[str, Any], AfterValidator(storable)]
Time = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_in_calendar)]
LogTime = Annotated[
    datetime,
    Field(strict=False),
    AfterValidator(_utc_without_zone),
    AfterValidator(_in_calendar),
]
Tags = Annotated[
    list[Annotated[Line, StringConstraints(min_length=1, max_length=50)]], Field(max_length=50)
]
