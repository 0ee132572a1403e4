"""Work and waits as spans: whatever was recorded, they cover each stage once and do not overlap."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.timeline import SpanState, Who
from axon_factory.orders.desk.spans import Piece, Stage, Wait, cut_into_spans

_BEGIN = datetime(2025, 11, 14, 10, tzinfo=UTC)
_PATH = (OrderState.PLANIFICACION, OrderState.CONSTRUCCION, OrderState.QA, OrderState.LISTO)


def at(minute: int) -> datetime:
    return _BEGIN + timedelta(minutes=minute)


def wait(since: int, until: int | None) -> Wait:
    words = Sentence("Espera", "Waits")
    return Wait(Who.CLIENTE, words, words, at(since), None if until is None else at(until))


def stages(*minutes: int, ended: bool, failed: bool = False) -> list[Stage]:
    """Stages that begin at each of `minutes`; the last one is open unless `ended`."""
    ends = [*minutes[1:], minutes[-1] + 10 if ended else None]
    return [
        Stage(
            _PATH[place % len(_PATH)],
            1 + place // len(_PATH),
            at(begin),
            None if end is None else at(end),
            failed and place == len(minutes) - 1 and ended,
        )
        for place, (begin, end) in enumerate(zip(minutes, ends, strict=True))
    ]


_MINUTES = st.lists(st.integers(0, 100), min_size=1, max_size=6).map(sorted)
_WAITS = st.lists(
    st.builds(
        lambda since, length: wait(since, None if length is None else since + length),
        st.integers(0, 110),
        st.none() | st.integers(0, 40),
    ),
    max_size=8,
)


@given(_MINUTES, _WAITS, st.booleans(), st.booleans())
def test_spans_cover_each_stage_once(
    minutes: list[int], waits: list[Wait], ended: bool, failed: bool
) -> None:
    life = stages(*minutes, ended=ended, failed=failed)
    pieces = cut_into_spans(life, waits)
    for stage in life:
        own = [piece for piece in pieces if piece.stage is stage]
        assert own[0].since == stage.entered_at
        assert own[-1].until == stage.left_at
        assert all(before.until == after.since for before, after in pairwise(own))
    assert [piece.stage for piece in pieces] == sorted(
        (piece.stage for piece in pieces), key=life.index
    )
    assert all((piece.state is SpanState.ESPERA) == (piece.wait is not None) for piece in pieces)
    assert all(piece.until is not None for piece in pieces[:-1])


def test_a_wait_cuts_the_work_in_two_and_the_last_work_failed() -> None:
    life = stages(0, ended=True, failed=True)
    assert _kinds(cut_into_spans(life, [wait(2, 4)])) == [
        ("hecho", 0, 2),
        ("espera", 2, 4),
        ("fallo", 4, 10),
    ]


def test_of_two_waits_at_once_the_first_counts() -> None:
    life = stages(0, ended=True)
    assert _kinds(cut_into_spans(life, [wait(1, 6), wait(3, 8), wait(4, 5)])) == [
        ("hecho", 0, 1),
        ("espera", 1, 6),
        ("espera", 6, 8),
        ("hecho", 8, 10),
    ]


def test_an_open_wait_is_the_last_span() -> None:
    assert _kinds(cut_into_spans(stages(0, ended=False), [wait(3, None)])) == [
        ("hecho", 0, 3),
        ("espera", 3, None),
    ]


def _kinds(pieces: list[Piece]) -> list[tuple[str, int, int | None]]:
    return [
        (
            piece.state.value,
            (piece.since - _BEGIN) // timedelta(minutes=1),
            None if piece.until is None else (piece.until - _BEGIN) // timedelta(minutes=1),
        )
        for piece in pieces
    ]
