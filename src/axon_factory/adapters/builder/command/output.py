"""Reads what an agent has said since the last look, a bounded piece at a time."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from axon_factory.adapters.builder.command.brief import PROMPT_VERSION
from axon_factory.adapters.builder.command.cursor import Cursor, Repeated
from axon_factory.adapters.builder.command.profiles import Profile
from axon_factory.adapters.builder.command.profiles.base import (
    LARGEST_AMOUNT,
    Ending,
    Reading,
    Said,
    Sign,
    Used,
    count,
    one_line,
)
from axon_factory.adapters.model_prices import list_price
from axon_factory.domain.events import LogLevel, Visibility
from axon_factory.domain.redaction import Redactor
from axon_factory.domain.speakers import BUILDER
from axon_factory.ports.builder import AgentLog
from axon_factory.ports.planner import ModelUse

__all__ = ["AGENT", "News", "Reader", "Verdict"]

AGENT = BUILDER.name
"""Who speaks in the order's log: the design's name for whoever builds."""

_PIECE_BYTES = 1024 * 1024
_LONGEST_LINE = 256 * 1024
_MOST_LOGS = 50
_MOST_USES = 50
_TAIL_BYTES = 1024 * 1024
_NEWLINE = b"\n"
_NO_WORDS = "El modelo empieza una respuesta"
"""What a line without an entry of its own is called where it repeats."""


@dataclass(frozen=True, slots=True)
class News:
    """What was new.

    Attributes:
        logs: entries for the order's log.
        uses: what models have cost.
        cursor: where the next look begins, and what it must know.
        complete: True when nothing was left to read.
    """

    logs: tuple[AgentLog, ...]
    uses: tuple[ModelUse, ...]
    cursor: Cursor
    complete: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the lines of a run say that it ended: None where none says it; and their last error."""

    ending: Ending | None
    error: str | None


@dataclass(frozen=True, slots=True)
class _Line:
    offset: int
    content: bytes


class Reader:
    """Reads the output of agents of one profile."""

    def __init__(self, profile: Profile, model: str | None, redactor: Redactor) -> None:
        """`model` is what the agent was told to use; not every line says it."""
        self._profile = profile
        self._model = model
        self._redactor = redactor

    def news(self, output: Path, cursor: Cursor, *, ended: bool) -> News:
        """Return what stands behind `cursor`; with `ended` the last line may lack its end.

        Every line is known again by its place. Of many at once the first are shown and the rest
        counted; what they cost is always kept. Errors that are alike are shown once, and how often
        they came when something else follows.

        Raises:
            OSError: the output cannot be read.
        """
        size = output.stat().st_size if output.exists() else 0
        start = cursor.offset if 0 <= cursor.offset <= size else 0
        lines, stop = _piece(output, start, size, ended=ended)
        logs, uses, left_out = list[AgentLog](), list[ModelUse](), 0
        for line in lines:
            reading = self.read(line.content)
            uses += [self._use(used, reading) for used in reading.used]
            said, cursor = self._shown(line.offset, reading, cursor)
            room = max(0, _MOST_LOGS - len(logs))
            logs += said[:room]
            left_out += len(said[room:])
        if left_out:
            text = f"El agente dijo {left_out} cosas más, que están en su registro"
            logs.append(AgentLog(f"{start}+", AGENT, text, visibility=Visibility.INTERNO))
        cursor = replace(cursor, offset=stop)
        complete = stop >= size or not lines
        if ended and complete:
            logs += _repeats(f"{stop}", cursor.noise)
            cursor = replace(cursor, noise=())
        return News(tuple(logs), _summed(uses), cursor, complete=complete)

    def verdict(self, output: Path, start: int) -> Verdict:
        """Return what the lines of a run, which begin at byte `start`, say of its end."""
        size = output.stat().st_size if output.exists() else 0
        lines, _ = _piece(output, max(start, size - _TAIL_BYTES), size, ended=True)
        error: str | None = None
        ending: Ending | None = None
        answered = False
        for line in lines:
            reading = self.read(line.content)
            if reading.error is not None:
                error = self._redactor.text(reading.error)
            if reading.answered is not None:
                answered = reading.answered
            if reading.ending is not None:
                ending = reading.ending
        if ending is Ending.DONE and not answered:
            ending = Ending.EMPTY
        return Verdict(ending, error)

    def read(self, line: bytes) -> Reading:
        """Return what a line means; one that is broken or unknown is kept as plain text."""
        if not line.strip():
            return Reading()
        document = _object(line)
        reading = None if document is None else self._profile.read(document)
        if reading is not None:
            return reading
        text = one_line(line[:_LONGEST_LINE].decode(errors="replace"), 200)
        return Reading(said=(Said(text, internal=True),) if text else (), sign=Sign.UNKNOWN)

    def _shown(
        self, offset: int, reading: Reading, cursor: Cursor
    ) -> tuple[list[AgentLog], Cursor]:
        """Return what is shown of a line, and the cursor after it."""
        logs, now = self._logs(offset, reading), datetime.now(UTC)
        kind = logs[0].message if logs else _NO_WORDS
        is_new = not cursor.knows(kind)
        is_life = reading.sign is Sign.LIFE or (reading.sign is Sign.UNKNOWN and is_new)
        after = cursor.after_life(now) if is_life else cursor
        if reading.sign is Sign.ERROR or (reading.sign is not Sign.LIFE and not is_new):
            after = after.after_noise(kind, now)
        elif reading.sign is not Sign.LIFE:
            after = after.remembering(kind)
        kept = {one.text for one in after.noise}
        over = _repeats(f"{offset}", [one for one in cursor.noise if one.text not in kept])
        return [*over, *(logs if is_life or is_new else [])], after

    def _logs(self, offset: int, reading: Reading) -> list[AgentLog]:
        return [
            AgentLog(
                key=f"{offset}.{place}",
                agent=AGENT,
                message=self._redactor.text(said.message),
                level=said.level,
                at=reading.at,
                visibility=Visibility.INTERNO if said.internal else Visibility.CLIENTE,
            )
            for place, said in enumerate(reading.said)
            if said.message
        ]

    def _use(self, used: Used, reading: Reading) -> ModelUse:
        model = used.model or self._model
        cost = used.cost_usd
        if cost is None and model is not None:
            name, provider = self._profile.priced_as(model)
            cost = list_price(
                name,
                input_tokens=used.input_tokens,
                output_tokens=used.output_tokens,
                provider=provider,
            )
        return ModelUse(
            provider=self._profile.name,
            model=model or "desconocido",
            prompt_version=PROMPT_VERSION,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost_usd=cost,
            latency_ms=used.latency_ms,
            outcome="ok" if reading.error is None else "error",
            started_at=reading.at or datetime.now(UTC),
            error=None if reading.error is None else self._redactor.text(reading.error),
        )


def _repeats(place: str, noise: Sequence[Repeated]) -> list[AgentLog]:
    """Return how often each error came again after it was shown."""
    return [
        AgentLog(
            f"{place}x{number}",
            AGENT,
            f"Se repitió {one.times} {'vez' if one.times == 1 else 'veces'} más: {one.text}",
            LogLevel.WARNING,
            visibility=Visibility.INTERNO,
        )
        for number, one in enumerate(noise)
        if one.times
    ]


def _summed(uses: list[ModelUse]) -> tuple[ModelUse, ...]:
    """Return a few uses as they are, and of many one sum a model."""
    if len(uses) <= _MOST_USES:
        return tuple(uses)
    sums: dict[str, ModelUse] = {}
    for use in uses:
        known = sums.get(use.model)
        costs = [one.cost_usd for one in (known, use) if one and one.cost_usd is not None]
        sums[use.model] = (
            use
            if known is None
            else replace(
                known,
                input_tokens=count(known.input_tokens + use.input_tokens),
                output_tokens=count(known.output_tokens + use.output_tokens),
                cost_usd=min(sum(costs, Decimal(0)), LARGEST_AMOUNT) if costs else None,
                latency_ms=count(known.latency_ms + use.latency_ms),
            )
        )
    return tuple(sums.values())[:_MOST_USES]


def _piece(output: Path, start: int, size: int, *, ended: bool) -> tuple[list[_Line], int]:
    """Return whole lines from `start` on, and where they end."""
    if start >= size:
        return [], start
    with output.open("rb") as file:
        file.seek(start)
        content = file.read(min(size - start, _PIECE_BYTES))
    end = content.rfind(_NEWLINE) + 1
    is_all = start + len(content) >= size
    if is_all and ended:
        end = len(content)
    elif end == 0 and len(content) >= _PIECE_BYTES:
        # A line without an end would stop everything: it is taken in pieces.
        end = len(content)
    return list(_lines(content[:end], start)), start + end


def _lines(content: bytes, start: int) -> Iterator[_Line]:
    offset = start
    for line in content.splitlines(keepends=True):
        yield _Line(offset, line)
        offset += len(line)


def _object(line: bytes) -> dict[str, Any] | None:
    if len(line) > _LONGEST_LINE:
        return None
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else None
