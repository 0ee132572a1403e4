"""Answers that are kept take no more than their room, and come back as they were."""

from hypothesis import given
from hypothesis import strategies as st

from axon_factory.api.hot.answer import Answer, Kept

ROOM = 4_000
BODIES = st.binary(min_size=1, max_size=900)


@given(st.lists(st.tuples(st.integers(0, 9), BODIES), max_size=60))
def test_what_is_found_is_what_was_kept_last(steps: list[tuple[int, bytes]]) -> None:
    kept: Kept[int] = Kept(ROOM)
    last: dict[int, bytes] = {}
    for number, (key, body) in enumerate(steps):
        kept.keep(key, str(number), Answer(200, body, [(b"etag", body[:1])]))
        last[key] = body
        for asked in range(10):
            found = kept.find(asked)
            if found is not None:
                assert found[1].body == last[asked]
                assert found[1].fields == [(b"etag", last[asked][:1])]
        assert kept.find(key) is not None


def test_the_oldest_go_first_and_there_is_an_end() -> None:
    kept: Kept[int] = Kept(ROOM)
    for key in range(200):
        kept.keep(key, "v", Answer(200, bytes([key]) * 900, []))
    found = [key for key in range(200) if kept.find(key) is not None]
    assert found
    assert found[-1] == 199
    assert len(found) < 200
