"""The estimate of what remains of an order: defined once (design §3.3, resolutions 14).

R = planned hours * (1 - progress). The answer is low * R to high * R, where the two factors are the
documented 0.6 and 0.9 until enough orders of the type were delivered to measure them.
"""

from dataclasses import dataclass

from axon_factory.domain.states import ACTIVE_STATES, OrderState

__all__ = ["DOCUMENTED_PACE", "ENOUGH_ORDERS", "Pace", "Remaining", "remaining", "remaining_time"]

ENOUGH_ORDERS = 20
"""How many delivered orders of a type replace the documented factors: with 20, two lie below the
10th percentile and two above the 90th, so that one odd order does not make the promise."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long building takes as shares of the planned hours; `measured` orders say so, 0 none."""

    low: float
    high: float
    measured: int = 0


DOCUMENTED_PACE = Pace(0.6, 0.9)


@dataclass(frozen=True, slots=True)
class Remaining:
    """A range in hours."""

    low: float
    high: float

    @property
    def text(self) -> str:
        """The range as the design writes it: "8-12 horas"."""
        low, high = round(self.low), round(self.high)
        if high < 1:
            return "menos de 1 hora"
        if low == high:
            return "1 hora" if high == 1 else f"{high} horas"
        return f"{low}-{high} horas"


def remaining(
    state: OrderState, hours: float, progress: int, pace: Pace = DOCUMENTED_PACE
) -> Remaining | None:
    """Return what remains, or None where nothing remains to wait for.

    `hours` is the plan's estimate (the catalogue's before there is a plan), `progress` a
    percentage. The wait for a person's approval is nobody's to predict and not in it.
    """
    if state not in ACTIVE_STATES:
        return None
    left = hours * (1 - progress / 100)
    return Remaining(pace.low * left, pace.high * left)


def remaining_time(
    state: OrderState, hours: float, progress: int, pace: Pace = DOCUMENTED_PACE
) -> str | None:
    """Return `remaining` in words, e.g. "8-12 horas" for 24 hours at 45 %."""
    left = remaining(state, hours, progress, pace)
    return None if left is None else left.text
