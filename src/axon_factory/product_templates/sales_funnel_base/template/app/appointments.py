"""Appointments: free half hours of the next working days, each taken once.

`citas` of the configuration: `desde`, `hasta` ("9:00"), `duracion_minutos`; `zona_horaria` beside.
"""

import re
import sqlite3
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.product import Product

DAYS_AHEAD = 14
MAX_SLOTS = 60


def time_zone(product: Product) -> ZoneInfo:
    """Return the configured time zone, else UTC."""
    try:
        return ZoneInfo(product.text("zona_horaria", "UTC"))
    except (ValueError, OSError):  # no such zone, or a name that is a path
        return ZoneInfo("UTC")


def _time(value: Any, default: time) -> time:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", value) if isinstance(value, str) else None
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        return default
    return time(int(match[1]), int(match[2]))


def all_slots(product: Product, now: datetime) -> list[str]:
    """Return the moments (UTC, ISO 8601) at which an appointment may begin, soonest first."""
    value = product.configuration.get("citas")
    settings = value if isinstance(value, dict) else {}
    opens = _time(settings.get("desde"), time(9))
    closes = _time(settings.get("hasta"), time(17))
    minutes = settings.get("duracion_minutos")
    is_number = isinstance(minutes, int) and not isinstance(minutes, bool)
    length = timedelta(minutes=minutes if is_number and 5 <= minutes <= 480 else 30)
    zone = time_zone(product)
    today = now.astimezone(zone).date()
    slots: list[str] = []
    for offset in range(1, DAYS_AHEAD + 1):
        day = today + timedelta(days=offset)
        start, end = datetime.combine(day, opens), datetime.combine(day, closes)
        while day.weekday() < 5 and start + length <= end and len(slots) < MAX_SLOTS:
            slots.append(start.replace(tzinfo=zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ"))
            start += length
    return slots


def free_slots(connection: sqlite3.Connection, product: Product, now: datetime) -> list[str]:
    """Return the slots that nobody took."""
    taken = {row["inicio"] for row in connection.execute("SELECT inicio FROM citas")}
    return [slot for slot in all_slots(product, now) if slot not in taken]


def take_slot(
    connection: sqlite3.Connection, product: Product, lead: int, slot: str, now: datetime
) -> bool:
    """Give a free slot to a lead; False if there is no such slot or another was faster."""
    if slot not in all_slots(product, now):
        return False
    done = connection.execute(
        "INSERT INTO citas (inicio, interesado_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (slot, lead),
    )
    return done.rowcount == 1


def shown(slot: str, product: Product) -> str:
    """Return a slot as people read it, in the configured time zone."""
    zone = time_zone(product)
    local = datetime.strptime(slot, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC).astimezone(zone)
    return f"{local:%d/%m/%Y %H:%M} ({zone.key})"
