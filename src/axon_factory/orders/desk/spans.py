"""How the records of an order become spans: work cut by waits, stage by stage. Pure rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.timeline import SpanState, Who

__all__ = ["Piece", "Stage", "Wait", "cut_into_spans"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One entry of a state. `failed`: how it ended made it a failure, and `why` says why."""

    state: OrderState
    attempt: int
    entered_at: datetime
    left_at: datetime | None
    failed: bool = False
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """A time in which the line did not work on the order, and for whom it waited."""

    who: Who
    name: str | Sentence
    title: Sentence
    since: datetime
    until: datetime | None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a stage: work, unless `wait` says who was waited for."""

    stage: Stage
    since: datetime
    until: datetime | None
    state: SpanState
    wait: Wait | None = None
    steps: tuple[str, ...] = field(default=())


def cut_into_spans(stages: Sequence[Stage], waits: Iterable[Wait]) -> list[Piece]:
    """Return the order's life as pieces without overlap, oldest first.

    A wait belongs to the stage that it began in, and ends with it at the latest. Of two waits at
    once the first counts until it ends.
    """
    ordered = sorted(waits, key=lambda wait: wait.since)
    pieces: list[Piece] = []
    for stage in stages:
        inside = [wait for wait in ordered if _begins_in(wait, stage)]
        pieces += _pieces_of(stage, inside)
    return pieces


def _begins_in(wait: Wait, stage: Stage) -> bool:
    ended = stage.left_at is not None and wait.since >= stage.left_at
    return wait.since >= stage.entered_at and not ended


def _pieces_of(stage: Stage, waits: Sequence[Wait]) -> list[Piece]:
    pieces: list[Piece] = []
    reached: datetime | None = stage.entered_at
    for wait in waits:
        if reached is None:
            break
        since = max(wait.since, reached)
        until = _earlier(wait.until, stage.left_at)
        if until is not None and until <= since:
            continue
        if since > reached:
            pieces.append(Piece(stage, reached, since, SpanState.HECHO))
        pieces.append(Piece(stage, since, until, SpanState.ESPERA, wait))
        reached = until
    if reached is not None and (reached != stage.left_at or not pieces):
        state = SpanState.EN_CURSO if stage.left_at is None else SpanState.HECHO
        pieces.append(Piece(stage, reached, stage.left_at, state))
    if stage.failed:
        pieces = _marked(pieces)
    return pieces


def _marked(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces of a stage that ended badly: its last work is what failed."""
    works = [place for place, piece in enumerate(pieces) if piece.wait is None]
    if not works:
        return list(pieces)
    return [
        replace(piece, state=SpanState.FALLO) if place == works[-1] else piece
        for place, piece in enumerate(pieces)
    ]


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
