"""The documented estimate of what remains (design §3.3, resolutions 14)."""

from axon_factory.domain.states import ACTIVE_STATES, OrderState

__all__ = ["remaining_time"]


def remaining_time(state: OrderState, hours: float, progress: int) -> str | None:
    """Return e.g. "8-12 horas" for 24 hours at 45 %, or None where nothing remains to wait for.

    `hours` is the plan's estimate (the catalogue's before there is a plan), `progress` a
    percentage. R = hours * (1 - progress); the range is round(0.6 R) to round(0.9 R).
    """
    if state not in ACTIVE_STATES:
        return None
    remaining = hours * (1 - progress / 100)
    low, high = round(0.6 * remaining), round(0.9 * remaining)
    if high < 1:
        return "menos de 1 hora"
    if low == high:
        return "1 hora" if high == 1 else f"{high} horas"
    return f"{low}-{high} horas"
