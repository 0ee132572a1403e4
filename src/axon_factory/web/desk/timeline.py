"""The times of an order as bars on one axis: where each stands, how it looks, what it says.

The drawing is SVG, whose numbers are attributes: the pages' policy allows no inline style.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from axon_factory.web.backend import Json
from axon_factory.web.language import Reader
from axon_factory.web.words import STATES

__all__ = ["Bar", "Drawing", "Row", "Tick", "drawing_of"]

WIDTH = 1000.0
"""Of the axis, in units of the drawing."""
_LEAST = 5.0
"""A bar that would be narrower is drawn so wide."""
_LETTER = 11.5
"""About how wide a letter of a label is, in the same units."""
_MARGIN = 28.0
_TONES = {"hecho": "done", "fallo": "failed", "espera": "waits", "en_curso": "runs"}
_STEP_TONES = {**_TONES, "interrumpido": "cut"}
_SPACINGS = (60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000)
_TIMES = "\N{MULTIPLICATION SIGN}"
_DAY = 86_400
_MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """A span on the axis."""

    x: float
    width: float
    tone: str
    """done, failed, waits, runs or cut."""
    label: str
    place: str
    """Where its label stands: in, after, before, or none for no room."""
    label_x: float
    tells: str
    """All of it in words, for who does not see the bar."""

    @property
    def on_top(self) -> bool:
        """A failure is never drawn under its neighbour, however short it was."""
        return self.tone == "failed"


@dataclass(frozen=True, slots=True)
class Row:
    """A stage and its attempt, or a step, with its bars."""

    name: str
    note: str
    bars: Sequence[Bar]
    says: str
    """On the phone, beside the name: its last or worst bar in words."""
    failed: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment of the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The whole picture, and the same as rows of a table."""

    rows: Sequence[Row]
    ticks: Sequence[Tick]
    now_x: float | None
    table: Sequence[Json]


def drawing_of(timeline: Json, reader: Reader, *, by_steps: bool) -> Drawing:
    """Return the drawing of what `GET …/timeline` answers."""
    spans: list[Json] = timeline["tramos"]
    begin, now = _begin(spans, timeline), _time(timeline["ahora"])
    open_ended = any(span["hasta"] is None for span in spans)
    end = now if open_ended else max((_time(span["hasta"]) for span in spans), default=now)
    axis = _Axis(begin, max(end, begin + timedelta(seconds=1)), now, reader)
    rows = list(_step_rows(spans, axis) if by_steps else _stage_rows(spans, axis))
    return Drawing(
        rows=rows,
        ticks=list(_ticks(axis)),
        now_x=axis.x(now) if open_ended else None,
        table=spans,
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    begin: datetime
    end: datetime
    now: datetime
    reader: Reader

    @property
    def seconds(self) -> float:
        return (self.end - self.begin).total_seconds()

    def x(self, moment: datetime) -> float:
        share = (moment - self.begin).total_seconds() / self.seconds
        return round(min(1.0, max(0.0, share)) * WIDTH, 2)


def _stage_rows(spans: Iterable[Json], axis: _Axis) -> Iterable[Row]:
    rows: dict[tuple[str, int], list[Json]] = {}
    for span in spans:
        rows.setdefault((span["etapa"], span["intento"]), []).append(span)
    attempts: dict[str, int] = {}
    for stage, _ in rows:
        attempts[stage] = attempts.get(stage, 0) + 1
    for (stage, attempt), parts in rows.items():
        name = axis.reader.say(STATES[stage])
        several = attempts[stage] > 1
        note = axis.reader.t(f"intento {attempt}", f"attempt {attempt}") if several else ""
        yield _row(name, note, parts, axis, _TONES)


def _step_rows(spans: Iterable[Json], axis: _Axis) -> Iterable[Row]:
    for span in spans:
        stage = axis.reader.say(STATES[span["etapa"]])
        if span["estado"] == "espera" or not span["pasos"]:
            yield _row(stage, "", [span], axis, _TONES)
        for step in span["pasos"]:
            note = f"{_TIMES}{step['veces']}" if step["veces"] > 1 else ""
            said = {**step, "nombre": span["nombre"], "detalle": step["error"]}
            yield _row(step["titulo"], note, [said], axis, _STEP_TONES)


def _row(name: str, note: str, parts: Sequence[Json], axis: _Axis, tones: Mapping[str, str]) -> Row:
    boxes = [_box(part, axis) for part in parts]
    bars: list[Bar] = []
    for place, (part, (x, width)) in enumerate(zip(parts, boxes, strict=True)):
        left = boxes[place - 1][0] + boxes[place - 1][1] if place else 0.0
        right = boxes[place + 1][0] if place + 1 < len(boxes) else WIDTH
        labels = [_label(part, name, axis)]
        if part["estado"] == "espera":
            labels.append(str(part["nombre"]))
        label, where, label_x = _placed(labels, x, width, left, right)
        tone = tones[part["estado"]]
        bars.append(Bar(x, width, tone, label, where, label_x, _tells(part, axis)))
    _give_way(bars)
    failed = any(bar.tone == "failed" for bar in bars)
    worst = [part for part in parts if part["estado"] == "fallo"] or parts[-1:]
    return Row(name, note, bars, _label(worst[-1], name, axis), failed)


def _give_way(bars: list[Bar]) -> None:
    """Let a failure without room write over the bar after it, which then says nothing."""
    for place, bar in enumerate(bars[:-1]):
        after = bars[place + 1]
        has_room = len(bar.label) * _LETTER + _MARGIN <= after.width
        if bar.tone == "failed" and bar.place == "none" and has_room:
            bars[place] = replace(bar, place="after", label_x=bar.x + bar.width)
            bars[place + 1] = replace(after, place="none")


def _box(part: Json, axis: _Axis) -> tuple[float, float]:
    since = axis.x(_time(part["desde"]))
    until = axis.x(_time(part["hasta"]) if part["hasta"] else axis.now)
    width = max(_LEAST, until - since)
    return min(since, WIDTH - width), round(width, 2)


def _placed(
    labels: Sequence[str], x: float, width: float, left: float, right: float
) -> tuple[str, str, float]:
    """Return what a bar says and where: the first of its labels that has room."""
    placed = [(label, *_place(label, x, width, left, right)) for label in labels]
    return next((one for one in placed if one[1] != "none"), placed[0])


def _place(label: str, x: float, width: float, left: float, right: float) -> tuple[str, float]:
    """Return where a label has room: in its bar, after it, before it; none between two others."""
    needs = len(label) * _LETTER
    if needs + _MARGIN <= width:
        return "in", x
    if x + width + needs + _MARGIN <= right:
        return "after", x + width
    if x - needs - _MARGIN >= left:
        return "before", x
    return "none", x


def _label(part: Json, name: str, axis: _Axis) -> str:
    """Return what a bar says beside the name of its row: never the name again."""
    title = str(part["titulo"])
    if part["estado"] == "fallo" and part["detalle"] and title == name:
        return str(part["detalle"])
    if title == name:
        return _length(part, axis)
    return f"{title} · {part['nombre']}" if part["estado"] == "espera" else title


def _length(part: Json, axis: _Axis) -> str:
    until = _time(part["hasta"]) if part["hasta"] else axis.now
    return axis.reader.span(until - _time(part["desde"]))


def _tells(part: Json, axis: _Axis) -> str:
    reader = axis.reader
    when = f"{reader.moment(part['desde'])}, {_length(part, axis)}"
    words = [part["titulo"], part["nombre"], when]
    return " · ".join([*words, *([part["detalle"]] if part["detalle"] else [])])


def _ticks(axis: _Axis) -> Iterable[Tick]:
    """Yield moments at round hours of the reader's day, as many as there is room for."""
    wanted = axis.seconds / _MOST_TICKS
    longer = -(-wanted // _SPACINGS[-1]) * _SPACINGS[-1]
    spacing = next((one for one in _SPACINGS if one >= wanted), longer)
    begin = axis.begin.astimezone(axis.reader.zone)
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = int((begin - midnight).total_seconds() // spacing) + 1
    moment = midnight + timedelta(seconds=passed * spacing)
    day = ""
    while moment < axis.end:
        x = axis.x(moment)
        if 0 <= x <= WIDTH - 140:
            on, hour = axis.reader.day(moment), f"{moment.hour}:{moment.minute:02}"
            whole_days = spacing >= _DAY
            yield Tick(x, on if whole_days else hour if on == day else f"{on}, {hour}")
            day = on
        moment += timedelta(seconds=spacing)


def _begin(spans: Sequence[Json], timeline: Json) -> datetime:
    return _time(spans[0]["desde"]) if spans else _time(timeline["ahora"])


def _time(value: Any) -> datetime:  # noqa: ANN401 — a member of an answer
    return datetime.fromisoformat(value)
