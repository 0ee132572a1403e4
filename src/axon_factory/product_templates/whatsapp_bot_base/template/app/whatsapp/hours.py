"""Opening hours: `horario_atencion` ("9:00-20:00") in the client's time zone."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from app.product import Product

_RANGE = re.compile(
    r"\s*(\d{1,2})(?:[:.h](\d{2}))?\s*(?:h|hs|hrs)?\s*(?:-|–|—|a|to)\s*"
    r"(\d{1,2})(?:[:.h](\d{2}))?\s*(?:h|hs|hrs)?\s*",
    re.IGNORECASE,
)
ZONES = {
    "argentina": "America/Argentina/Buenos_Aires",
    "bolivia": "America/La_Paz",
    "brasil": "America/Sao_Paulo",
    "chile": "America/Santiago",
    "colombia": "America/Bogota",
    "costa rica": "America/Costa_Rica",
    "ecuador": "America/Guayaquil",
    "el salvador": "America/El_Salvador",
    "espana": "Europe/Madrid",
    "guatemala": "America/Guatemala",
    "honduras": "America/Tegucigalpa",
    "mexico": "America/Mexico_City",
    "nicaragua": "America/Managua",
    "panama": "America/Panama",
    "paraguay": "America/Asuncion",
    "peru": "America/Lima",
    "puerto rico": "America/Puerto_Rico",
    "republica dominicana": "America/Santo_Domingo",
    "uruguay": "America/Montevideo",
    "venezuela": "America/Caracas",
}


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """From when to when, every day, in a time zone. Closing before opening means past midnight."""

    opens: time
    closes: time
    zone: ZoneInfo

    def is_open(self, now: datetime) -> bool:
        """Say whether the business is open at a moment (opening included, closing not)."""
        local = now.astimezone(self.zone).time()
        if self.opens < self.closes:
            return self.opens <= local < self.closes
        return local >= self.opens or local < self.closes

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M} ({self.zone.key})"


def opening_hours(product: Product) -> OpeningHours | None:
    """Return the configured hours, or None: then the business never closes."""
    match = _RANGE.fullmatch(product.text("horario_atencion"))
    if match is None:
        return None
    opens = _time(match[1], match[2])
    closes = _time(match[3], match[4])
    if opens is None or closes is None or opens == closes:
        return None
    return OpeningHours(opens, closes, time_zone(product))


def _time(hours: str, minutes: str | None) -> time | None:
    hour, minute = int(hours), int(minutes or 0)
    if (hour, minute) == (24, 0):
        return time(0, 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None


def time_zone(product: Product) -> ZoneInfo:
    """Return the configured `zona_horaria`, else the zone of the client's country, else UTC."""
    country = unicodedata.normalize("NFKD", product.client_text("pais").casefold())
    country = "".join(c for c in country if not unicodedata.combining(c))
    for name in (product.text("zona_horaria"), ZONES.get(country, "")):
        try:
            return ZoneInfo(name)
        except (ValueError, OSError):  # no such zone, or a name that is a path
            continue
    return ZoneInfo("UTC")
