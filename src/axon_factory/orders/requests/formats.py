"""Formats of texts in requests: each with the library that knows it and the sentence of a refusal.

`configuracion_schema` names them as its `format`. The sizes of texts are limited elsewhere.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any, cast
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from pydantic import TypeAdapter, ValidationError
from pydantic.networks import UrlConstraints
from pydantic_core import Url

from axon_factory.domain.text import Sentence

__all__ = ["FORMATS", "Format", "is_phone_number"]

_TIME_RANGE = re.compile(
    r"\s*(\d{1,2})(?:[:.h](\d{2}))?\s*(?:h|hs|hrs)?\s*(?:-|–|—|a|to)\s*"  # noqa: RUF001 — dashes that people write
    r"(\d{1,2})(?:[:.h](\d{2}))?\s*(?:h|hs|hrs)?\s*",
    re.IGNORECASE,
)
_TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})")
_MEXICAN_MOBILE = re.compile(r"\+521(\d{10})", re.ASCII)
_WEBHOOK_SERVICES = frozenset({"slack", "discord", "zapier", "make"})
_MAX_PRICE = 10**9
_HTTPS_PORT = 443
_SHORTEST_APPOINTMENT, _LONGEST_APPOINTMENT = 5, 480
_MINUTES_OF_AN_HOUR, _HOURS_OF_A_DAY = 60, 24


@cache
def _https() -> TypeAdapter[Url]:
    return TypeAdapter[Url](Annotated[Url, UrlConstraints(allowed_schemes=["https"])])


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _legal_tender() -> frozenset[str]:
    """Return the ISO 4217 codes of what is legal tender somewhere today."""
    territories = cast(
        "Mapping[str, list[tuple[str, object, object, bool]]]", get_global("territory_currencies")
    )
    return frozenset(
        code
        for currencies in territories.values()
        for code, _since, until, is_tender in currencies
        if until is None and is_tender
    )


def is_phone_number(value: str) -> bool:
    """Say whether a text is a phone number in E.164: "+", a country's code, its digits."""
    import phonenumbers  # noqa: PLC0415 — its tables take long to load, and only new orders need them

    # WhatsApp still writes the 1 of Mexican mobiles, which the numbering plan dropped in 2019.
    planned = _MEXICAN_MOBILE.sub(r"+52\1", value) if _MEXICAN_MOBILE.fullmatch(value) else value
    try:
        number = phonenumbers.parse(planned, None)
    except phonenumbers.NumberParseException:
        return False
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written == planned and phonenumbers.is_possible_number(number)


def _is_time_range(value: str) -> bool:
    """Say whether the WhatsApp bot understands a text as its opening hours."""
    match = _TIME_RANGE.fullmatch(value.strip())
    if match is None:
        return False
    opens, closes = _minutes(match[1], match[2]), _minutes(match[3], match[4])
    return opens is not None and closes is not None and opens != closes


def _minutes(hours: str, minutes: str | None) -> int | None:
    """Return the minute of the day; 24:00 is the day's first."""
    hour, minute = int(hours), int(minutes or 0)
    if (hour, minute) == (_HOURS_OF_A_DAY, 0):
        return 0
    if hour < _HOURS_OF_A_DAY and minute < _MINUTES_OF_AN_HOUR:
        return hour * _MINUTES_OF_AN_HOUR + minute
    return None


def _time_of_day(value: object) -> int | None:
    match = _TIME_OF_DAY.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) >= _HOURS_OF_A_DAY:
        return None
    return _minutes(match[1], match[2])


def _has_appointments(value: Mapping[str, Any]) -> bool:
    """Say whether an appointment fits in; what is no time or number is told of elsewhere."""
    opens = _time_of_day(value.get("desde", "9:00"))
    closes = _time_of_day(value.get("hasta", "17:00"))
    length = value.get("duracion_minutos", 30)
    if opens is None or closes is None or type(length) is not int:
        return True
    is_length = _SHORTEST_APPOINTMENT <= length <= _LONGEST_APPOINTMENT
    return not is_length or opens + length <= closes


def _is_language(value: str) -> bool:
    try:
        Locale.parse(value, sep="-")
    except (ValueError, UnknownLocaleError):
        return False
    return True


def _is_amount(value: str) -> bool:
    try:
        amount = Decimal(value.strip())
    except InvalidOperation:
        return False
    return amount.is_finite() and 0 <= amount < _MAX_PRICE


def _is_readable(value: str) -> bool:
    return any(character.isprintable() and not character.isspace() for character in value)


def _is_webhook_target(value: str) -> bool:
    """Say whether the webhook service forwards to it: a service, or https on its own port."""
    return value in _WEBHOOK_SERVICES or _is_https_address(value)


def _is_https_address(value: str) -> bool:
    # Browsers repair what is left out or turned round; the product calls an address as it stands.
    if not value.startswith("https://") or re.search(r"[\s\\\x00-\x1f\x7f]", value):
        return False
    try:
        url = _https().validate_python(value)
    except ValidationError:
        return False
    return url.username is None and url.password is None and url.port == _HTTPS_PORT


@dataclass(frozen=True, slots=True)
class Format:
    """A check, and what is said of a value that it refuses."""

    accepts: Callable[[Any], bool]
    sentence: Sentence
    applies_to: type[Any] = str
    """Values of other types are no business of this format (JSON Schema §7.1)."""

    def __call__(self, value: object) -> bool:
        """Say whether `value` has this format, or is none of its business."""
        return not isinstance(value, self.applies_to) or self.accepts(value)


FORMATS: Mapping[str, Format] = {
    "amount": Format(
        _is_amount,
        Sentence(
            "Debe ser un importe con punto decimal, por ejemplo 89.50",
            "Must be an amount with a decimal point, for example 89.50",
        ),
    ),
    "appointment-hours": Format(
        _has_appointments,
        Sentence(
            "Entre desde y hasta debe caber al menos una cita",
            "At least one appointment must fit between desde and hasta",
        ),
        applies_to=dict,
    ),
    "currency": Format(
        lambda value: value in _legal_tender(),
        Sentence(
            "Debe ser un código de moneda ISO 4217, por ejemplo MXN",
            "Must be an ISO 4217 currency code, for example MXN",
        ),
    ),
    "language": Format(
        _is_language,
        Sentence(
            "Debe ser un código de idioma, por ejemplo es o pt-BR",
            "Must be a language tag, for example es or pt-BR",
        ),
    ),
    "phone": Format(
        is_phone_number,
        Sentence(
            "Debe ser un número de teléfono en formato E.164, por ejemplo +5215512345678",
            "Must be a phone number in E.164 format, for example +5215512345678",
        ),
    ),
    "readable-text": Format(_is_readable, Sentence("No puede estar vacío", "Must not be empty")),
    "time-of-day": Format(
        lambda value: _time_of_day(value) is not None,
        Sentence(
            "Debe ser una hora del día, por ejemplo 9:00", "Must be a time of day, for example 9:00"
        ),
    ),
    "time-range": Format(
        _is_time_range,
        Sentence(
            "Debe ser un horario de apertura a cierre, por ejemplo 9:00-20:00",
            "Must be a range from opening to closing, for example 9:00-20:00",
        ),
    ),
    "time-zone": Format(
        lambda value: value in _time_zones(),
        Sentence(
            "Debe ser una zona horaria, por ejemplo America/Mexico_City",
            "Must be a time zone, for example America/Mexico_City",
        ),
    ),
    "webhook-target": Format(
        _is_webhook_target,
        Sentence(
            "Debe ser una dirección https sin credenciales ni puerto, o uno de: "
            + ", ".join(sorted(_WEBHOOK_SERVICES)),
            "Must be an https address without credentials or port, or one of: "
            + ", ".join(sorted(_WEBHOOK_SERVICES)),
        ),
    ),
}
"""By the name that stands in `format`."""
