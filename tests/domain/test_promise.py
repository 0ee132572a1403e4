"""The promise's clock: it stands still while the client owes an answer, and loses nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from axon_factory.domain.progress import Promise, Remaining, pause, promise, resume

NOON = datetime(2025, 11, 14, 12, tzinfo=UTC)
HOURS = st.tuples(st.floats(0, 1000), st.floats(0, 1000)).map(sorted)
MOMENTS = st.integers(0, 10_000_000).map(lambda seconds: NOON + timedelta(seconds=seconds))


def made(hours: list[float]) -> Promise:
    return promise(NOON, Remaining(*hours))


def test_the_range_is_added_to_now() -> None:
    assert made([14.4, 21.6]) == Promise(
        datetime(2025, 11, 15, 2, 24, tzinfo=UTC), datetime(2025, 11, 15, 9, 36, tzinfo=UTC)
    )


@given(HOURS, st.lists(MOMENTS, max_size=12))
def test_it_moves_by_exactly_as_long_as_the_clock_stood_still(
    hours: list[float], moments: list[datetime]
) -> None:
    """Pauses and resumes in turns, at ordered moments, whatever they are."""
    at = first = made(hours)
    stood_still = timedelta()
    ordered = sorted(moments)
    for began, ended in zip(ordered[::2], ordered[1::2], strict=False):
        at = pause(at, began)
        assert (at.since, at.until, at.paused_at) == (
            first.since + stood_still,
            first.until + stood_still,
            began,
        )
        at = resume(at, ended)
        stood_still += ended - began
    assert at == Promise(first.since + stood_still, first.until + stood_still)


@given(HOURS, st.lists(st.tuples(st.booleans(), MOMENTS), max_size=12))
def test_it_is_never_earlier_and_never_narrower(
    hours: list[float], acts: list[tuple[bool, datetime]]
) -> None:
    """In any order of acts, with clocks that go back: machines disagree about the time."""
    at = first = made(hours)
    for pauses, moment in acts:
        before = at
        at = pause(at, moment) if pauses else resume(at, moment)
        assert at.since >= before.since
        assert at.until - at.since == first.until - first.since
        assert (at.paused_at is not None) == pauses


@given(HOURS, MOMENTS, MOMENTS)
def test_a_second_pause_or_resume_changes_nothing(
    hours: list[float], one: datetime, other: datetime
) -> None:
    paused = pause(made(hours), one)
    assert pause(paused, other) == paused
    going = resume(paused, other)
    assert resume(going, one) == going
