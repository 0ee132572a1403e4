"""The documented estimate: round(0.6 R) to round(0.9 R), R = hours * (1 - progress)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_factory.domain.progress import Pace, remaining_time
from axon_factory.domain.states import OrderState


@pytest.mark.parametrize(
    ("hours", "progress", "text"),
    [
        (24, 45, "8-12 horas"),  # the design's own example (§3.3)
        (24, 0, "14-22 horas"),
        (48, 0, "29-43 horas"),
        (24, 95, "1 hora"),
        (2, 0, "1-2 horas"),
        (24, 100, "menos de 1 hora"),
    ],
)
def test_estimate(hours: float, progress: int, text: str) -> None:
    assert remaining_time(OrderState.CONSTRUCCION, hours, progress) == text


@pytest.mark.parametrize("state", ["entregado", "fallido", "cancelado"])
def test_nothing_remains_where_nothing_is_awaited(state: str) -> None:
    assert remaining_time(OrderState(state), 24, 45) is None


@given(st.floats(0.1, 1000), st.integers(0, 100))
def test_estimate_reads_well(hours: float, progress: int) -> None:
    text = remaining_time(OrderState.QA, hours, progress)
    assert text is not None
    match = re.fullmatch(r"menos de 1 hora|1 hora|(\d+) horas|(\d+)-(\d+) horas", text)
    assert match is not None, text
    if match[2]:
        assert int(match[2]) < int(match[3])


@pytest.mark.parametrize(
    ("pace", "text"),
    [
        (Pace(0.6, 0.9), "8-12 horas"),
        (Pace(0.5, 2.0, 20), "7-26 horas"),
        (Pace(0.001, 0.002, 20), "menos de 1 hora"),
    ],
)
def test_measured_history_replaces_the_factors(pace: Pace, text: str) -> None:
    assert remaining_time(OrderState.CONSTRUCCION, 24, 45, pace) == text
