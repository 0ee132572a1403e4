"""Who reads a page: in which language, in which time zone, and how times and numbers are said."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from starlette.requests import Request

from axon_factory.domain.text import Sentence

__all__ = ["LANGUAGE_COOKIE", "ZONE_COOKIE", "Reader", "reader_of"]

LANGUAGE_COOKIE = "axon-idioma"
ZONE_COOKIE = "axon-zona"
_MONTHS = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic")
_MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
_DAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TO = "\N{EN DASH}"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Reader:
    """Language and zone of whoever looks at a page."""

    english: bool
    zone: ZoneInfo
    now: datetime

    @property
    def language(self) -> str:
        """The language's tag, for `lang` and `Accept-Language`."""
        return "en" if self.english else "es"

    def t(self, spanish: str, english: str) -> str:
        """Return the text in the reader's language."""
        return english if self.english else spanish

    def say(self, sentence: Sentence | str) -> str:
        """Return a sentence in the reader's language."""
        return sentence.en if self.english and isinstance(sentence, Sentence) else str(sentence)

    def moment(self, value: datetime | str) -> str:
        """Return day and hour in the reader's zone: `1 dic, 15:12`."""
        at = self._local(value)
        return f"{self.day(value)}, {at.hour}:{at.minute:02}"

    def day(self, value: datetime | str) -> str:
        """Return the day in the reader's zone, with its year unless it is this one."""
        at = self._local(value)
        month = (_MONTHS_EN if self.english else _MONTHS)[at.month - 1]
        year = "" if at.year == self.now.astimezone(self.zone).year else f" {at.year}"
        return f"{month} {at.day}{year}" if self.english else f"{at.day} {month}{year}"

    def long_day(self, value: datetime | str) -> str:
        """Return the day as people say it: `jueves 3 de diciembre`."""
        at = self._local(value)
        month = self.day(value)
        return f"{_DAYS_EN[at.weekday()]}, {month}" if self.english else self._spanish_day(at)

    def ago(self, value: datetime | str) -> str:
        """Return how long ago: `hace 18 min` up to a day, then the day."""
        seconds = (self.now - _parsed(value)).total_seconds()
        if seconds < 0:
            return self.moment(value)
        if seconds >= _DAY:
            return self.day(value)
        said = self.span(seconds)
        return self.t(f"hace {said}", f"{said} ago")

    def span(self, seconds: float | timedelta) -> str:
        """Return a length of time in its largest units: `3 min`, `2 h 5 min`, `4 d`."""
        total = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        if total < _MINUTE:
            return f"{max(0, int(total))} s"
        if total < _HOUR:
            return f"{int(total // _MINUTE)} min"
        if total < _DAY:
            hours, minutes = int(total // _HOUR), int(total % _HOUR // _MINUTE)
            return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"  # noqa: PLR2004 — from ten hours on minutes say nothing
        return f"{int(total // _DAY)} d"

    def range(self, since: datetime | str, until: datetime | str) -> str:
        """Return a range of days, or one day."""
        first, last = self._local(since), self._local(until)
        if first.date() == last.date():
            return self.day(since)
        if (first.year, first.month) == (last.year, last.month):
            month = (_MONTHS_EN if self.english else _MONTHS)[first.month - 1]
            days = f"{first.day}{_TO}{last.day}"
            return f"{month} {days}" if self.english else f"{days} {month}"
        return f"{self.day(since)} {_TO} {self.day(until)}"

    def money(self, amount: Decimal | str | float, currency: str = "") -> str:
        """Return an amount: `2,500 USD`; cents only where there are some."""
        value = Decimal(str(amount))
        whole = value == value.to_integral_value()
        return f"{value:,.{0 if whole else 2}f} {currency}".strip()

    @staticmethod
    def parsed(value: datetime | str) -> datetime:
        """Return the moment that a text of an answer names."""
        return _parsed(value)

    def number(self, value: float) -> str:
        """Return a number with its thousands apart."""
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"

    def utc(self, value: datetime | str) -> str:
        """Return the moment in UTC, as it stands behind the local one."""
        return f"{_parsed(value).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def _local(self, value: datetime | str) -> datetime:
        return _parsed(value).astimezone(self.zone)

    def _spanish_day(self, at: datetime) -> str:
        months = (
            "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto",
            "septiembre", "octubre", "noviembre", "diciembre",
        )  # fmt: skip
        return f"{_DAYS[at.weekday()]} {at.day} de {months[at.month - 1]}"


def reader_of(request: Request, zone: ZoneInfo, *, prefers_english: bool) -> Reader:
    """Return who reads: by the cookies of their choice, else the browser's language and `zone`."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    english = chosen == "en" if chosen in {"es", "en"} else prefers_english
    named = request.cookies.get(ZONE_COOKIE, "")
    own = ZoneInfo(named) if named in _zones() else zone
    return Reader(english, own, datetime.now(UTC))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _parsed(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
