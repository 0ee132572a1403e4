"""Who is built next, and how many at once: the rules alone, over any orders and limits."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from axon_factory.domain.building import (
    AGEING_INTERVAL,
    BuildLimits,
    Candidate,
    Occupancy,
    Priority,
    grant_places,
    rank_waiting,
)

NOW = datetime(2025, 11, 14, 12, tzinfo=UTC)
TYPES, CLIENTS = ["a", "b"], ["x", "y", "z"]
LIMITS = st.builds(
    BuildLimits,
    altogether=st.integers(0, 5),
    per_client=st.integers(0, 3),
    by_type=st.dictionaries(st.sampled_from(TYPES), st.integers(0, 3)),
)
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        order_id=st.uuids(),
        product_type=st.sampled_from(TYPES),
        client=st.sampled_from(CLIENTS),
        priority=st.sampled_from(Priority),
        since=st.integers(0, 20).map(lambda hours: NOW - timedelta(hours=hours)),
    ),
    max_size=12,
    unique_by=lambda one: one.order_id,
)


@given(LIMITS, CANDIDATES)
def test_what_is_granted_fits_and_no_place_is_left_to_who_could_have_it(
    limits: BuildLimits, waiting: list[Candidate]
) -> None:
    taken = Occupancy()
    granted = grant_places(limits, taken, waiting, NOW)

    of_type = Counter(one.product_type for one in granted)
    of_client = Counter(one.client for one in granted)
    assert not limits.altogether or len(granted) <= limits.altogether
    assert not limits.per_client or max(of_client.values(), default=0) <= limits.per_client
    assert all(not most or of_type[name] <= most for name, most in limits.by_type.items())
    left = [one for one in waiting if one not in granted]
    assert all(taken.shortage(limits, one) for one in left)
    if not limits.any:
        assert left == []


@given(LIMITS, CANDIDATES)
def test_nobody_is_overtaken_by_one_that_wants_the_same_places(
    limits: BuildLimits, waiting: list[Candidate]
) -> None:
    granted = grant_places(limits, Occupancy(), waiting, NOW)
    ranked = rank_waiting(waiting, NOW)
    for place, one in enumerate(ranked):
        if one in granted:
            continue
        behind = ranked[place + 1 :]
        alike = [(other.product_type, other.client) for other in behind if other in granted]
        assert (one.product_type, one.client) not in alike


def test_waiting_counts_for_priority_and_the_first_comes_first() -> None:
    def waiting(number: int, priority: Priority, since: datetime) -> Candidate:
        return Candidate(UUID(int=number), "a", "x", priority, since)

    old = waiting(1, Priority.BAJA, NOW - 3 * AGEING_INTERVAL)
    urgent = waiting(2, Priority.URGENTE, NOW - timedelta(minutes=5))
    high = waiting(3, Priority.ALTA, NOW - timedelta(minutes=9))
    low = waiting(4, Priority.BAJA, NOW - timedelta(minutes=10))
    assert rank_waiting([low, high, urgent, old], NOW) == [old, urgent, high, low]
