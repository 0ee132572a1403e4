"""When an order will be delivered as things stand, beside what was promised."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from axon_factory.domain.progress import DOCUMENTED_PACE, Pace, remaining
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import timestamp
from axon_factory.orders.answers.board import DateRange

__all__ = ["Estimate", "estimate_of", "is_at_risk", "range_document"]

_STEP = timedelta(minutes=10)
"""Estimates are rounded up to this, so that an answer does not change with every second."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Estimate(NamedTuple):
    """Delivery not before `since` and not after `until`, at the pace that was measured."""

    since: datetime
    until: datetime


def estimate_of(
    state: str, hours: float, progress: int, pace: Pace | None, now: datetime
) -> Estimate | None:
    """Return when an order is delivered that goes on now; None of one that is at rest.

    `hours` are its plan's, or the catalogue's before there is a plan. Waits for people are not
    part of it.
    """
    left = remaining(OrderState(state), hours, progress, pace or DOCUMENTED_PACE)
    if left is None:
        return None
    low, high = (_rounded(now + timedelta(hours=end)) for end in (left.low, left.high))
    return Estimate(low, high)


def is_at_risk(estimate: Estimate | None, promised: datetime | None) -> bool:
    """Return whether a promise is broken even at a good pace."""
    return estimate is not None and promised is not None and estimate.since > promised + _STEP


def range_document(estimate: Estimate | None) -> dict[str, Any] | None:
    """Return the estimate as answers write it."""
    if estimate is None:
        return None
    return DateRange.of(None, desde=timestamp(estimate.since), hasta=timestamp(estimate.until))


def _rounded(moment: datetime) -> datetime:
    return _EPOCH + -((_EPOCH - moment) // _STEP) * _STEP
