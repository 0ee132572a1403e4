"""The promise: between which moments an order is to be delivered, and when its clock stands still.

It is made once, when the plan is approved. While the client owes an answer that the work waits for,
the clock stands still; afterwards both moments have moved by exactly that long.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from axon_factory.domain.estimate import Remaining

__all__ = ["Promise", "pause", "promise", "resume"]


@dataclass(frozen=True, slots=True)
class Promise:
    """Delivery not before `since` and not after `until`; `paused_at`: the clock stands still."""

    since: datetime
    until: datetime
    paused_at: datetime | None = None


def promise(now: datetime, left: Remaining) -> Promise:
    """Return what is promised at `now` of an order of which `left` remains."""
    return Promise(now + timedelta(hours=left.low), now + timedelta(hours=left.high))


def pause(made: Promise, now: datetime) -> Promise:
    """Stop the clock; one that stands still keeps the moment at which it stopped."""
    return made if made.paused_at is not None else replace(made, paused_at=now)


def resume(made: Promise, now: datetime) -> Promise:
    """Let the clock go on: both moments move by the pause. One that goes stays as it is."""
    if made.paused_at is None:
        return made
    # Clocks of two machines may disagree: a pause never makes a promise earlier.
    stood_still = max(now - made.paused_at, timedelta())
    return Promise(made.since + stood_still, made.until + stood_still)
