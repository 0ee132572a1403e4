"""How the portal says dates: as people do, in the reader's zone and language."""

from datetime import date, datetime, timedelta

from axon_factory.orders.portal_promise import Promised
from axon_factory.web.language import Reader

__all__ = ["delivered_words", "promise_words", "span_words"]

_DAY = timedelta(days=1)


def promise_words(r: Reader, since: datetime, until: datetime) -> str:
    """Return a range as people say it: `jueves 3 o viernes 4 de diciembre`."""
    first, last = since.astimezone(r.zone), until.astimezone(r.zone)
    if first.date() == last.date():
        hours = f"{first:%H:%M}", f"{last:%H:%M}"
        return r.t(
            f"{_day(r, since)}, entre las {hours[0]} y las {hours[1]}",
            f"{_day(r, since)}, between {hours[0]} and {hours[1]}",
        )
    short, end = _short(r, since, last.date()), r.long_day(until)
    if last.date() - first.date() == _DAY:
        return r.t(f"{short} o {end}", f"{short} or {end}")
    return r.t(f"entre el {short} y el {end}", f"between {short} and {end}")


def delivered_words(r: Reader, at: datetime, promised: Promised | None) -> str:
    """Return when the product was delivered, and whether that is what was promised."""
    local = at.astimezone(r.zone)
    said = r.t(
        f"Entregado: {_day(r, at)} a las {local:%H:%M}",
        f"Delivered: {_day(r, at)} at {local:%H:%M}",
    )
    if promised is None:
        return said
    if at < promised.since:
        return said + r.t(", antes de lo prometido", ", earlier than promised")
    if at <= promised.until:
        return said + r.t(", en la fecha prometida", ", as promised")
    return said + r.t(", después de lo prometido", ", later than promised")


def span_words(r: Reader, span: timedelta) -> str:
    """Return a length of time in whole units: `2 días`, `5 horas`, `20 minutos`."""
    for size, units in (
        (_DAY, (("día", "días"), ("day", "days"))),
        (timedelta(hours=1), (("hora", "horas"), ("hour", "hours"))),
        (timedelta(minutes=1), (("minuto", "minutos"), ("minute", "minutes"))),
    ):
        count = round(span / size)
        if span >= size:
            return f"{count} {units[r.english][count != 1]}"
    return r.t("un momento", "a moment")


def _day(r: Reader, at: datetime) -> str:
    day, today = at.astimezone(r.zone).date(), r.now.astimezone(r.zone).date()
    if day == today:
        return r.t("hoy", "today")
    return r.t("mañana", "tomorrow") if day == today + _DAY else r.long_day(at)


def _short(r: Reader, at: datetime, last: date) -> str:
    """Return the first day of a range: without the month where both have it."""
    said = r.long_day(at)
    same_month = at.astimezone(r.zone).month == last.month
    return said if r.english or not same_month else said.partition(" de ")[0]
