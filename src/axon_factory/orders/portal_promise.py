"""The promise of an order as its client reads it: where it stands, and what has moved it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.progress import resume
from axon_factory.domain.states import ACTIVE_STATES, OrderState
from axon_factory.orders.policy import Policy
from axon_factory.orders.promise import promise_of

__all__ = ["Pause", "Promised", "promised_to_client"]


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which the work waited for the client; `until` is None while it still does."""

    question: str
    since: datetime
    until: datetime | None
    span: timedelta


@dataclass(frozen=True, slots=True)
class Promised:
    """The promise as it stands, and where it stood when it was made."""

    since: datetime
    until: datetime
    first: tuple[datetime, datetime] | None
    """Where it stood at first, None if it has not moved."""
    pauses: Sequence[Pause]
    is_moving: bool
    """The clock stands still for the client's answer."""
    is_late: bool


def promised_to_client(
    order: Order, questions: Sequence[OrderQuestion], policy: Policy, now: datetime
) -> Promised | None:
    """Return the promise as the client reads it at `now`, None if there is none any more.

    `questions` are those to the client. The promise moves by the time in which a blocking one had
    no answer, and by nothing else.
    """
    state = OrderState(order.estado)
    made = promise_of(order)
    if made is None or state is OrderState.CANCELADO:
        return None
    standing = resume(made, now)
    pauses = list(_pauses(order, questions, now))
    moved = sum((one.span for one in pauses), timedelta())
    told = moved >= policy.promise_told_after
    return Promised(
        standing.since,
        standing.until,
        (standing.since - moved, standing.until - moved) if told else None,
        pauses if told else (),
        made.paused_at is not None,
        state in ACTIVE_STATES and now > standing.until,
    )


def _pauses(order: Order, questions: Sequence[OrderQuestion], now: datetime) -> Iterator[Pause]:
    """Yield when the clock stood still: blocking questions, a time that two share counted once."""
    counted = order.aprobado_at or now
    for one in questions:
        ended = one.answered_at or one.closed_at
        since, until = max(one.asked_at, counted), ended or now
        if one.blocking and until > since:
            yield Pause(one.question, since, ended, until - since)
        counted = max(counted, until) if one.blocking else counted
