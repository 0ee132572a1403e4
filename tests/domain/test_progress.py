"""Progress: weighted by hours, 95 at most before QA passes, 70 upward after a rejection."""

from hypothesis import given
from hypothesis import strategies as st

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.plan import Milestone
from axon_factory.domain.progress import BANDS, build_progress
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
