"""Reads what an agent has said since the last look, a bounded piece at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from axon_factory.adapters.builder.command.brief import PROMPT_VERSION
from axon_factory.adapters.builder.command.profiles import Profile
from axon_factory.adapters.builder.command.profiles.base import (
    LARGEST_AMOUNT,
    Reading,
    Said,
    Used,
    count,
    one_line,
)
from axon_factory.domain.events import Visibility
from axon_factory.domain.redaction import Redactor
from axon_factory.ports.builder import AgentLog
from axon_factory.ports.planner import ModelUse

__all__ = ["AGENT", "News", "Reader", "Verdict"]

AGENT = "Builder Agent"
"""Who speaks in the order's log: the design's name for whoever builds."""

_PIECE_BYTES = 1024 * 1024
_LONGEST_LINE = 256 * 1024
_MOST_LOGS = 50
_MOST_USES = 50
_TAIL_BYTES = 1024 * 1024
_NEWLINE = b"\n"


@dataclass(frozen=True, slots=True)
class News:
    """What was new.

    Attributes:
        logs: entries for the order's log.
        uses: what models have cost.
        offset: where the next look begins, in bytes.
        complete: True when nothing was left to read.
    """

    logs: tuple[AgentLog, ...]
    uses: tuple[ModelUse, ...]
    offset: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the agent itself saw the end: its last error, and whether it had given up."""

    error: str | None
    gave_up: bool


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

    def news(self, output: Path, offset: int, *, ended: bool) -> News:
        """Return what stands behind `offset`; with `ended` the last line may lack its end.

        Every line is known again by its place. Of many at once the first are shown and the rest
        counted; what they cost is always kept.

        Raises:
            OSError: the output cannot be read.
        """
        size = output.stat().st_size if output.exists() else 0
        start = offset if 0 <= offset <= size else 0
        lines, stop = _piece(output, start, size, ended=ended)
        logs, uses, left_out = list[AgentLog](), list[ModelUse](), 0
        for line in lines:
            reading = self.read(line.content)
            uses += [self._use(used, reading) for used in reading.used]
            said = self._logs(line.offset, reading)
            room = max(0, _MOST_LOGS - len(logs))
            logs += said[:room]
            left_out += len(said[room:])
        if left_out:
            text = f"El agente dijo {left_out} cosas más, que están en su registro"
            logs.append(AgentLog(f"{start}+", AGENT, text, visibility=Visibility.INTERNO))
        return News(tuple(logs), _summed(uses), stop, complete=stop >= size or not lines)

    def verdict(self, output: Path) -> Verdict:
        """Return what the agent's last lines say of its end."""
        size = output.stat().st_size if output.exists() else 0
        lines, _ = _piece(output, max(0, size - _TAIL_BYTES), size, ended=True)
        error: str | None = None
        gave_up = False
        for line in lines:
            reading = self.read(line.content)
            if reading.error is not None:
                error = self._redactor.text(reading.error)
            if reading.fatal is not None:
                gave_up = reading.fatal
        return Verdict(error, gave_up)

    def read(self, line: bytes) -> Reading:
        """Return what a line means; one that is broken or unknown is kept as plain text."""
        if not line.strip():
            return Reading()
        document = _object(line)
        reading = None if document is None else self._profile.read(document)
        if reading is not None:
            return reading
        text = one_line(line[:_LONGEST_LINE].decode(errors="replace"), 200)
        return Reading(said=(Said(text, internal=True),) if text else ())

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
        return ModelUse(
            provider=self._profile.name,
            model=used.model or self._model or "desconocido",
            prompt_version=PROMPT_VERSION,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost_usd=used.cost_usd,
            latency_ms=used.latency_ms,
            outcome="ok" if reading.error is None else "error",
            started_at=reading.at or datetime.now(UTC),
            error=reading.error,
        )


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
