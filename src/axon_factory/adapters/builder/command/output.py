"""Reads what an agent has said since the last look, a bounded piece at a time.

The cursor says how far the output was read, and what noise stands at its end. The line keeps it
between looks.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, cast

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
from axon_factory.adapters.builder.command.starting import PROMPT_VERSION
from axon_factory.adapters.model_prices import list_price
from axon_factory.domain.events import LogLevel, Visibility
from axon_factory.domain.names import BUILDER
from axon_factory.domain.text import Redactor
from axon_factory.ports.builder import AgentLog
from axon_factory.ports.planner import ModelUse

_MOST_KINDS = 6
_LONGEST_TEXT = 60
_LONGEST_NUMBER = 15
AGENT = BUILDER.name
"""Who speaks in the order's log: the design's name for a builder."""

_PIECE_BYTES = 1024 * 1024
_LONGEST_LINE = 256 * 1024
_MOST_LOGS = 50
_MOST_USES = 50
_TAIL_BYTES = 1024 * 1024
_NEWLINE = b"\n"
_NO_WORDS = "El modelo empieza una respuesta"
"""What a line without an entry of its own is called where it repeats."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A text that was shown, and how often it has come again since."""

    text: str
    times: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the output was read.

    Attributes:
        offset: where the next look begins, in bytes.
        alive_at: when a line last was a sign of life.
        noise_since: when the first line after it came that is none; None where there is none.
        noise_at: when the newest such line came.
        noise: what was said since that sign of life, the newest kinds of it.
    """

    offset: int = 0
    alive_at: datetime | None = None
    noise_since: datetime | None = None
    noise_at: datetime | None = None
    noise: tuple[Repeated, ...] = ()

    @classmethod
    def read(cls, text: str | None) -> Self:
        """Read what :meth:`write` wrote; from the beginning if it cannot be read.

        A number alone is an offset: runs of earlier versions have it.
        """
        if text and text.isdecimal() and len(text) <= _LONGEST_NUMBER:
            return cls(int(text))
        try:
            found = json.loads(text or "{}")
            times = {
                name: datetime.fromisoformat(found[name]).astimezone(UTC)
                for name in ("alive_at", "noise_since", "noise_at")
                if found.get(name)
            }
            noise = tuple(Repeated(str(said), int(times)) for said, times in found.get("noise", []))
            return cls(int(found.get("offset", 0)), noise=noise, **times)
        except (ValueError, TypeError, AttributeError):
            return cls()

    def write(self) -> str:
        """Return it for the next request; shorter than 1000 characters."""
        document = cast("dict[str, object]", asdict(self))
        for name in ("alive_at", "noise_since", "noise_at"):
            at = getattr(self, name)
            document[name] = at and at.isoformat()
        document["noise"] = [[one.text, one.times] for one in self.noise]
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    def knows(self, text: str) -> bool:
        """Say whether a text like this was shown since the last sign of life."""
        return any(one.text == likeness(text) for one in self.noise)

    def after_life(self, at: datetime) -> Self:
        """Return it after a sign of life: what was noise before is over."""
        return replace(self, alive_at=at, noise_since=None, noise_at=None, noise=())

    def after_noise(self, text: str, at: datetime) -> Self:
        """Return it after a line that is no sign of life."""
        return replace(self.remembering(text), noise_since=self.noise_since or at, noise_at=at)

    def remembering(self, text: str) -> Self:
        """Return it with one more of a text, which alone says neither that it is life nor noise."""
        said = likeness(text)
        known = next((one for one in self.noise if one.text == said), None)
        newest = Repeated(said) if known is None else replace(known, times=known.times + 1)
        others = [one for one in self.noise if one.text != said]
        return replace(self, noise=(*others[-(_MOST_KINDS - 1) :], newest))

    def noise_seconds(self, alive_at: datetime) -> float:
        """Return how long there has been nothing but noise since a sign of life, in seconds.

        Silence after an error is not counted: it is the silence of the run, shown elsewhere.
        """
        if self.noise_since is None or self.noise_at is None:
            return 0.0
        return max(0.0, (self.noise_at - max(self.noise_since, alive_at)).total_seconds())


def likeness(text: str) -> str:
    """Return what is alike in errors that differ in their numbers only, as "1/5" and "2/5" do."""
    return re.sub(r"\d+", "#", text)[:_LONGEST_TEXT]


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
    """How a launch ended by its own lines, None where none says it, and their last error."""

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
        """Return what the lines of a launch, which begin at byte `start`, say of its end."""
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
