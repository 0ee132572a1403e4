"""What happened to an order, newest first, grouped by stage and attempt."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from axon_factory.domain.states import OrderState
from axon_factory.web.backend import Json
from axon_factory.web.signed_in import Desk

__all__ = ["FAILURES", "Activity", "Group", "Line", "grouped", "read_activity"]

FAILURES = frozenset({"error", "warning"})
_WINDOW = 200
"""The most that one answer of the API holds."""
_MOST_WINDOWS = 5
"""How far back one page looks for what a filter asks; the next page goes on from there."""
_ENOUGH = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    seq: int
    at: str
    agent: str
    text: str
    level: str
    stage: str
    attempt: int
    more: tuple[str, ...] = ()
    """Findings that belong to it."""

    @property
    def failed(self) -> bool:
        """Whether it is drawn as a failure."""
        return self.level == "error"


@dataclass(slots=True)
class Group:
    """What happened in one stay in a stage, newest first."""

    stage: str
    attempt: int
    lines: list[Line] = field(default_factory=list[Line])
    running: bool = False
    """The order is still there."""

    @property
    def failures(self) -> list[Line]:
        """What went wrong in it."""
        return [line for line in self.lines if line.failed]

    @property
    def newest(self) -> Line:
        """The last thing that happened in it."""
        return self.lines[0]


@dataclass(frozen=True, slots=True)
class Activity:
    """One page of what happened."""

    groups: Sequence[Group]
    agents: Sequence[str]
    """Who did something, for the filter."""
    before: int | None
    """From where the next page goes on; None at the beginning of the order."""


async def read_activity(
    desk: Desk,
    order: Json,
    *,
    before: int | None = None,
    only_failures: bool = False,
    agent: str = "",
) -> Activity:
    """Return what happened before the entry `before`, or up to now."""
    number = order["order_number"]
    newest = max((int(entry["seq"]) for entry in order["logs"]), default=0)
    end = min(before, newest + 1) if before is not None else newest + 1
    lines: list[Line] = []
    agents: set[str] = set()
    for _ in range(_MOST_WINDOWS):
        start = max(0, end - 1 - _WINDOW)
        query = {"after": start, "limit": _WINDOW}
        answer = await desk.get("orders", number, "events", query=query)
        read = [one for one in answer["events"] if int(one["data"]["seq"]) < end]
        found = _lines(read, await _stage_before(desk, order, start))
        agents.update(line.agent for line in found)
        lines += [
            line
            for line in reversed(found)
            if (not only_failures or line.level in FAILURES) and (not agent or line.agent == agent)
        ]
        end = start + 1
        if start == 0 or len(lines) >= _ENOUGH:
            break
    return Activity(
        groups=grouped(lines, order),
        agents=sorted(agents),
        before=end if end > 1 else None,
    )


def grouped(lines: Iterable[Line], order: Mapping[str, Any]) -> list[Group]:
    """Return lines that come newest first as groups that do."""
    groups: list[Group] = []
    for line in lines:
        last = groups[-1] if groups else None
        if last is None or (last.stage, last.attempt) != (line.stage, line.attempt):
            last = Group(line.stage, line.attempt)
            groups.append(last)
        last.lines.append(line)
    here = (order["estado"], order["intento"])
    ended = OrderState(order["estado"]) in {
        OrderState.ENTREGADO,
        OrderState.FALLIDO,
        OrderState.CANCELADO,
    }
    if groups and (groups[0].stage, groups[0].attempt) == here:
        groups[0].running = not ended
    return groups


def _lines(events: Sequence[Json], stage: str) -> list[Line]:
    """Return events that come oldest first as lines; they begin in `stage`."""
    lines: list[Line] = []
    for event in events:
        data = event["data"]
        entered = data.get("estado_nuevo")
        failed = data["tipo"] == "error" or event["type"] == "axon.qa.producto_rechazado"
        # What ends a stage badly is told where it happened, not where the order went.
        shown_in = stage if failed or entered is None else entered
        if entered is not None:
            stage = entered
        findings: list[str] = data.get("metadata", {}).get("hallazgos") or []
        level = "error" if failed else data["tipo"]
        lines.append(
            Line(
                int(data["seq"]),
                data["recibido_at"],
                data["agente"],
                data["mensaje"],
                level,
                shown_in,
                int(data["intento"]),
                tuple(findings),
            )
        )
    return lines


async def _stage_before(desk: Desk, order: Json, after: int) -> str:
    """Return the stage that the order was in after its entry number `after`."""
    if after == 0:
        return OrderState.NUEVO.value
    # The next change of state says where it came from; without one it is where it is.
    query = {"after": after, "limit": _WINDOW}
    answer = await desk.get("orders", order["order_number"], "events", query=query)
    states = (one["data"].get("estado_anterior") for one in answer["events"])
    return next((state for state in states if state), order["estado"])
