"""Ranks and ageing: urgente > alta > normal > baja, and nobody starves."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from axon_factory.domain.building import AGEING_INTERVAL, Priority, effective_rank

HOURS = st.integers(0, 10_000).map(lambda hours: timedelta(hours=hours))


def test_ranks_are_not_the_alphabet() -> None:
    ranked = sorted(Priority, key=lambda priority: priority.rank, reverse=True)
    assert [priority.value for priority in ranked] == ["urgente", "alta", "normal", "baja"]
    assert [priority.rank for priority in ranked] == [3, 2, 1, 0]


@given(st.sampled_from(Priority), HOURS, HOURS)
def test_waiting_never_lowers_the_rank(priority: Priority, one: timedelta, more: timedelta) -> None:
    assert priority.rank <= effective_rank(priority, one)
    assert effective_rank(priority, one) <= effective_rank(priority, one + more) <= 3


def test_baja_becomes_as_urgent_as_any() -> None:
    almost = 3 * AGEING_INTERVAL - timedelta(seconds=1)
    assert effective_rank(Priority.BAJA, almost) == 2
    assert effective_rank(Priority.BAJA, 3 * AGEING_INTERVAL) == Priority.URGENTE.rank
