"""A range of creation dates as whole months, whole days, and what is left at its ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from axon_factory.orders.lists.terms import CREATED_DAY, CREATED_MONTH

__all__ = ["DateRange", "month_bounds"]

_DAY = timedelta(days=1)


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """Return when the month "2025-11" begins and ends (exclusive), in UTC."""
    begin = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return begin, _month_of(begin + 31 * _DAY)


@dataclass(frozen=True, slots=True)
class DateRange:
    """From `begin` (inclusive) to `end` (exclusive); None is open."""

    begin: datetime | None
    end: datetime | None

    @property
    def is_limited(self) -> bool:
        """Whether it leaves anything out."""
        return self.begin is not None or self.end is not None

    def covers(self, term: str) -> bool:
        """Return whether the month of this term lies within."""
        begin, end = month_bounds(term.removeprefix(CREATED_MONTH))
        return self._contains(begin, end)

    def days(self) -> list[str]:
        """Return the terms of the days within, of the months that are not wholly within."""
        return [f"{CREATED_DAY}{day:%Y-%m-%d}" for day in self._whole_days()]

    def ends(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield the parts of days at the ends: at most two."""
        begin, end = self.begin, self.end
        if begin is not None and begin != _day_of(begin):
            tomorrow = _day_of(begin) + _DAY
            yield begin, tomorrow if end is None else min(tomorrow, end)
        if end is not None and end != _day_of(end) and (begin is None or _day_of(end) >= begin):
            yield _day_of(end), end

    def _whole_days(self) -> Iterator[datetime]:
        partial = {
            _month_of(moment)
            for moment in (self.begin, self.end)
            if moment is not None and moment != _month_of(moment)
        }
        for month in sorted(partial):
            day = month
            while day.month == month.month:
                if self._contains(day, day + _DAY):
                    yield day
                day += _DAY

    def _contains(self, begin: datetime, end: datetime) -> bool:
        return (self.begin is None or self.begin <= begin) and (self.end is None or end <= self.end)


def _day_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _month_of(moment: datetime) -> datetime:
    return _day_of(moment).replace(day=1)
