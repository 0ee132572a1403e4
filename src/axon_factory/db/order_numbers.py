"""Order numbers: unique and gapless per year (resolutions 5)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_NEXT = text(
    """
    INSERT INTO order_number_counters (year, last) VALUES (:year, 1)
    ON CONFLICT (year) DO UPDATE SET last = order_number_counters.last + 1
    RETURNING last
    """
)


NEXT_MANY = """
    INSERT INTO order_number_counters AS counter (year, last) VALUES (%(year)s, %(count)s)
    ON CONFLICT (year) DO UPDATE SET last = counter.last + excluded.last RETURNING last
"""
"""Takes `count` numbers of a `year` (`business_year`) as `next_order_number` does; the last one."""


def format_order_number(year: int, number: int) -> str:
    """Return e.g. "ORD-2025-001"; at least three digits, more when needed."""
    return f"ORD-{year}-{number:03d}"


def business_year(now: datetime, zone: ZoneInfo) -> int:
    """Return the year that orders placed at `now` (aware) are numbered in."""
    return now.astimezone(zone).year


async def next_order_number(session: AsyncSession, now: datetime, zone: ZoneInfo) -> str:
    """Take the next number of the business year of `now` (aware) in `zone`.

    The counter's row stays locked until the caller's transaction ends, and a rollback gives the
    number back: that is what makes the sequence gapless.
    """
    year = business_year(now, zone)
    number = (await session.execute(_NEXT, {"year": year})).scalar_one()
    return format_order_number(year, number)
