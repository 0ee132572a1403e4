"""How far an order is, how long it takes, and when it is promised (design §3.3, resolutions 14).

R = planned hours * (1 - progress). The answer is low * R to high * R, where the two factors are
the documented 0.6 and 0.9 until enough orders of the type were delivered to measure them.

The promise is made once, when the plan is approved. Its clock stands still while the work waits
for an answer of the client. Afterwards both moments have moved by exactly that time.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from axon_factory.domain.plan import Milestone
from axon_factory.domain.states import ACTIVE_STATES, OrderState
from axon_factory.domain.text import Sentence

BEFORE_QA_PASSES = 95
AFTER_REJECTION = 70
DONE = 100

BANDS = MappingProxyType(
    {
        OrderState.NUEVO: (0, 0),
        OrderState.PLANIFICACION: (0, 0),
        OrderState.CONSTRUCCION: (0, BEFORE_QA_PASSES),
        OrderState.QA: (0, BEFORE_QA_PASSES),
        OrderState.LISTO: (DONE, DONE),
        OrderState.ENTREGADO: (DONE, DONE),
        OrderState.FALLIDO: (0, DONE),
        OrderState.CANCELADO: (0, DONE),
    }
)
"""Lowest and highest percentage that an order may show in each state."""


def build_progress(
    milestones: Collection[Milestone], completed: Collection[str], *, reworks: int
) -> int:
    """Return the percentage of construction done, 0 to 95; from 70 upward during a rework."""
    total = sum(milestone.estimacion_horas for milestone in milestones)
    done = sum(m.estimacion_horas for m in milestones if m.id in completed)
    floor = AFTER_REJECTION if reworks else 0
    share = done / total if total else 0.0
    return floor + int((BEFORE_QA_PASSES - floor) * share)


def verified_progress(
    state: OrderState,
    milestones: Collection[Milestone],
    completed: Collection[str],
    *,
    reworks: int,
    reviewed: bool,
) -> int:
    """Return the percentage that the receipts prove. State and reports do not count.

    `completed` are the milestones whose commits were found in the product's repository; `reviewed`
    says that every check of the product's type has passed on their last commit. For an order that
    has failed or was cancelled it is what its last attempt had to show.
    """
    if not milestones:
        return 0
    built = build_progress(milestones, completed, reworks=reworks)
    return min(BANDS[state][1], DONE if reviewed else built)


@dataclass(frozen=True, slots=True)
class MilestoneShare:
    """A milestone, how many percent of the plan's hours it is, and whether it is verified."""

    milestone: Milestone
    percent: float
    verified: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """What an order's progress is made of. `band` is the lowest and highest of its state."""

    verified: int
    band: tuple[int, int]
    milestones: Sequence[MilestoneShare]
    sentence: Sentence


def explain_progress(
    state: OrderState,
    milestones: Sequence[Milestone],
    completed: Collection[str],
    *,
    reworks: int,
    shown: int,
    reviewed: bool,
    reported: int | None = None,
) -> Explained:
    """Explain an order's progress to a person.

    Args:
        state: where the order is.
        milestones: those of its plan, in its order.
        completed: ids of the verified milestones.
        reworks: how often the council has sent it back.
        shown: the percentage that the order shows (`progreso`).
        reviewed: whether the receipts of the review are complete.
        reported: the percentage that the agent gives of itself, if it does.
    """
    verified = verified_progress(state, milestones, completed, reworks=reworks, reviewed=reviewed)
    total = sum(item.estimacion_horas for item in milestones)
    shares = [
        MilestoneShare(item, round(100 * item.estimacion_horas / total, 1), item.id in completed)
        for item in milestones
    ]
    sentence = _in_words(state, shares, reworks=reworks, verified=verified, reviewed=reviewed)
    if reported is not None:
        sentence = _joined(
            sentence,
            Sentence(f"El agente reporta {reported} %.", f"The agent reports {reported} %."),
        )
    if shown > verified and (state in _BUILT or state in _REVIEWED):
        sentence = _joined(
            sentence,
            Sentence(
                f"La orden muestra {shown} %: lo demás lo dijo un agente o una persona.",
                f"The order shows {shown} %: the rest was said by an agent or a person.",
            ),
        )
    return Explained(verified, BANDS[state], shares, sentence)


_BUILT = frozenset({OrderState.CONSTRUCCION, OrderState.QA})
_REVIEWED = frozenset({OrderState.LISTO, OrderState.ENTREGADO})
"""Where an order gets to by the receipts of a review, or by a person who accepts without them."""
_ACCEPTED = Sentence(
    "Nuestro equipo aceptó el producto; la revisión no está completa.",
    "Our team accepted the product; its review is not complete.",
)
_STATES_IN_WORDS: Mapping[OrderState, Sentence] = MappingProxyType(
    {
        OrderState.NUEVO: Sentence(
            "La construcción no ha empezado.", "Construction has not begun."
        ),
        OrderState.PLANIFICACION: Sentence(
            "La construcción empieza cuando se aprueba el plan.",
            "Construction begins when the plan is approved.",
        ),
        OrderState.LISTO: Sentence(
            "La revisión de calidad pasó: el producto está completo.",
            "The quality review has passed: the product is complete.",
        ),
        OrderState.ENTREGADO: Sentence(
            "El producto está entregado.", "The product has been delivered."
        ),
    }
)


def _in_words(
    state: OrderState,
    shares: Sequence[MilestoneShare],
    *,
    reworks: int,
    verified: int,
    reviewed: bool,
) -> Sentence:
    # Of an order whose data were erased nothing is left to tell that from.
    accepted = state in _REVIEWED and bool(shares) and not reviewed
    said = _ACCEPTED if accepted else _STATES_IN_WORDS.get(state)
    if said is not None:
        return said
    if not shares:
        return Sentence("La orden no llegó a tener plan.", "The order never had a plan.")
    done = sum(share.verified for share in shares)
    weight = round(sum(share.percent for share in shares if share.verified))
    sentence = Sentence(
        f"{done} de {len(shares)} hitos verificados, {weight} % de las horas del plan: "
        f"{verified} %.",
        f"{done} of {len(shares)} milestones verified, {weight} % of the plan's hours: "
        f"{verified} %.",
    )
    if reworks:
        sentence = _joined(
            sentence,
            Sentence(
                f"Tras un rechazo de la revisión se cuenta desde {AFTER_REJECTION} %.",
                f"After a rejection by the review it is counted from {AFTER_REJECTION} %.",
            ),
        )
    if state in _BUILT:
        sentence = _joined(
            sentence,
            Sentence(
                f"Hasta que la revisión pasa, el avance llega a {BEFORE_QA_PASSES} %.",
                f"Until the review passes, progress goes up to {BEFORE_QA_PASSES} %.",
            ),
        )
    return sentence


def _joined(first: Sentence, second: Sentence) -> Sentence:
    return Sentence(f"{first} {second}", f"{first.en} {second.en}")


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
    percentage. The wait for a person's approval is not part of it.
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


@dataclass(frozen=True, slots=True)
class Promise:
    """Delivery not before `since` and not after `until`; `paused_at`: the clock stands still."""

    since: datetime
    until: datetime
    paused_at: datetime | None = None


def promise(now: datetime, left: Remaining) -> Promise:
    """Return the promise that is made at `now` for an order with `left` still to do."""
    return Promise(now + timedelta(hours=left.low), now + timedelta(hours=left.high))


def pause(made: Promise, now: datetime) -> Promise:
    """Stop the clock. A stopped clock keeps its moment."""
    return made if made.paused_at is not None else replace(made, paused_at=now)


def resume(made: Promise, now: datetime) -> Promise:
    """Let the clock go on: both moments move by the pause. A running clock stays as it is."""
    if made.paused_at is None:
        return made
    # Clocks of two machines may disagree: a pause never makes a promise earlier.
    stood_still = max(now - made.paused_at, timedelta())
    return Promise(made.since + stood_still, made.until + stood_still)
