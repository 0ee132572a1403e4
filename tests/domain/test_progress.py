"""Progress: weighted by hours, 95 at most before QA passes, 70 upward after a rejection."""

from hypothesis import given
from hypothesis import strategies as st

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.plan import Milestone
from axon_factory.domain.progress import (
    BANDS,
    BEFORE_QA_PASSES,
    build_progress,
    explain_progress,
    verified_progress,
)
from axon_factory.domain.states import OrderState

WHATSAPP = PRODUCT_TYPES["autopilot_whatsapp"].milestones  # 2, 8, 6, 4 and 4 hours


def milestones(hours: list[float]) -> list[Milestone]:
    return [
        Milestone(id=f"m{index}", nombre="M", estimacion_horas=value, agente="A")
        for index, value in enumerate(hours)
    ]


def test_hours_weigh_the_milestones_of_the_example() -> None:
    done: list[str] = []
    seen: list[int] = []
    for milestone in WHATSAPP:
        done.append(milestone.id)
        seen.append(build_progress(WHATSAPP, done, reworks=0))
    assert seen == [7, 39, 63, 79, 95]


def test_rework_begins_at_seventy_and_ends_at_ninety_five() -> None:
    everything = [milestone.id for milestone in WHATSAPP]
    assert build_progress(WHATSAPP, [], reworks=1) == 70
    assert build_progress(WHATSAPP, everything, reworks=3) == 95


def test_unplanned_milestones_count_for_nothing() -> None:
    assert build_progress(WHATSAPP, ["inventado"], reworks=0) == 0
    assert build_progress([], ["inventado"], reworks=0) == 0


@given(st.lists(st.floats(0.1, 1000), min_size=1, max_size=8), st.integers(0, 3))
def test_progress_never_falls_and_stays_in_the_band(hours: list[float], reworks: int) -> None:
    planned = milestones(hours)
    done: list[str] = []
    before = build_progress(planned, done, reworks=reworks)
    assert before == (70 if reworks else 0)
    for milestone in planned:
        done.append(milestone.id)
        after = build_progress(planned, done, reworks=reworks)
        assert before <= after <= 95
        before = after
    assert before in {94, 95}  # the sum of shares may be a rounding error short of one


def test_every_state_has_a_band() -> None:
    assert {state.value: band for state, band in BANDS.items()} == {
        "nuevo": (0, 0),
        "planificacion": (0, 0),
        "construccion": (0, 95),
        "qa": (0, 95),
        "listo": (100, 100),
        "entregado": (100, 100),
        "fallido": (0, 100),
        "cancelado": (0, 100),
    }
    assert set(BANDS) == set(OrderState)


STATES = st.sampled_from(OrderState)
HOURS = st.lists(st.floats(0.1, 1000), max_size=8)


@given(HOURS, STATES, st.integers(0, 3), st.data())
def test_verified_progress_stays_in_the_band_of_the_state(
    hours: list[float], state: OrderState, reworks: int, data: st.DataObject
) -> None:
    planned = milestones(hours)
    done = data.draw(st.sets(st.sampled_from([*(item.id for item in planned), "inventado"])))
    reviewed = data.draw(st.booleans())
    seen = verified_progress(state, planned, done, reworks=reworks, reviewed=reviewed)
    assert 0 <= seen <= BANDS[state][1]
    # Without the receipts of a review no state makes it complete.
    assert reviewed or seen <= BEFORE_QA_PASSES


_S = OrderState


def _verified(
    state: OrderState,
    planned: list[Milestone],
    done: list[str],
    reworks: int,
    *,
    reviewed: bool = False,
) -> int:
    return verified_progress(state, planned, done, reworks=reworks, reviewed=reviewed)


@given(HOURS, st.integers(0, 3), st.data())
def test_verified_progress_falls_only_by_a_rejection(
    hours: list[float], reworks: int, data: st.DataObject
) -> None:
    """The life of an order: milestones one by one, the review, a rejection, and on to the end."""
    planned = milestones(hours)
    seen: list[int] = []
    done: list[str] = []
    for milestone in data.draw(st.permutations(planned)):
        seen.append(_verified(OrderState.CONSTRUCCION, planned, done, reworks))
        done.append(milestone.id)
    seen += [_verified(state, planned, done, reworks) for state in (_S.CONSTRUCCION, _S.QA)]
    for state in (_S.QA, _S.LISTO, _S.ENTREGADO):
        seen.append(_verified(state, planned, done, reworks, reviewed=True))
    assert seen == sorted(seen)
    assert seen[-1] == (100 if planned else 0)
    in_review = _verified(OrderState.QA, planned, done, reworks)
    rejected = _verified(OrderState.CONSTRUCCION, planned, [], reworks + 1)
    assert rejected == (70 if planned else 0)
    assert not planned or rejected <= in_review


@given(HOURS, STATES, st.integers(0, 3), st.integers(0, 100), st.integers(0, 100), st.data())
def test_what_is_said_changes_nothing_that_is_verified(
    hours: list[float],
    state: OrderState,
    reworks: int,
    shown: int,
    reported: int,
    data: st.DataObject,
) -> None:
    planned = milestones(hours)
    done = data.draw(st.sets(st.sampled_from([*(item.id for item in planned), "inventado"])))
    facts = {"reworks": reworks, "reviewed": data.draw(st.booleans())}
    silent = explain_progress(state, planned, done, **facts, shown=0)
    loud = explain_progress(state, planned, done, **facts, shown=shown, reported=reported)
    assert (loud.verified, loud.band, loud.milestones) == (
        silent.verified,
        silent.band,
        silent.milestones,
    )
    assert loud.sentence.startswith(silent.sentence)
    assert f"reporta {reported} %" in loud.sentence
    assert f"reports {reported} %" in loud.sentence.en
    assert [share.verified for share in loud.milestones] == [item.id in done for item in planned]
    total = sum(share.percent for share in loud.milestones)
    assert not planned or abs(total - 100) <= 0.05 * len(planned)


def test_the_explanation_counts_milestones_and_says_why_the_order_shows_more() -> None:
    told = explain_progress(
        OrderState.CONSTRUCCION,
        WHATSAPP,
        ["scaffolding"],
        reworks=1,
        shown=90,
        reviewed=False,
        reported=90,
    )
    assert told.sentence == (
        "1 de 5 hitos verificados, 8 % de las horas del plan: 72 %. "
        "Tras un rechazo de la revisión se cuenta desde 70 %. "
        "Hasta que la revisión pasa, el avance llega a 95 %. "
        "El agente reporta 90 %. "
        "La orden muestra 90 %: lo demás lo dijo un agente o una persona."
    )
