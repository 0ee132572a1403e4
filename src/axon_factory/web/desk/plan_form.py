"""The form that edits a plan: its fields, what they become, and where an error belongs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from axon_factory.web.backend import Json
from axon_factory.web.forms import Form
from axon_factory.web.language import Reader

__all__ = ["MilestoneRow", "PlanForm", "edited_plan", "filled_in", "form_of", "problems_of"]

_PARTS = {"nombre": "nombre", "estimacion_horas": "horas", "entregable": "entregable"}
"""A milestone's fields in the plan, and how the form calls them."""
_LAST = 10_000


@dataclass(frozen=True, slots=True)
class MilestoneRow:
    """A milestone as it was typed."""

    id: str
    name: str
    hours: str
    makes: str
    place: str
    agent: str
    removed: bool = False


@dataclass(frozen=True, slots=True)
class PlanForm:
    """The form as it was typed."""

    rows: Sequence[MilestoneRow]
    notes: str
    reason: str = ""

    @property
    def kept(self) -> list[MilestoneRow]:
        """The milestones of the edited plan, in their order."""
        left = [row for row in self.rows if not row.removed]
        return sorted(left, key=lambda row: _place(row.place))

    def onto(self, plan: Json | None) -> "PlanForm":
        """Return what was typed on another plan: its milestones, with what was typed for them."""
        if plan is None:
            return self
        mine = {row.id: row for row in self.rows}
        rows = [mine.get(row.id, row) for row in _rows(plan)]
        return replace(self, rows=[replace(row, place=str(n)) for n, row in enumerate(rows, 1)])


def filled_in(order: Json) -> PlanForm:
    """Return the form of the order's plan as it is."""
    plan = order["plan"]
    return PlanForm(_rows(plan), "\n".join(plan["observaciones"]))


def form_of(form: Form) -> PlanForm:
    """Return what was sent."""
    rows = [
        MilestoneRow(
            id=key,
            name=form.text(f"nombre.{key}"),
            hours=form.text(f"horas.{key}"),
            makes=form.text(f"entregable.{key}"),
            place=form.text(f"lugar.{key}"),
            agent=form.text(f"agente.{key}"),
            removed=bool(form.text(f"quitar.{key}")),
        )
        for key in form.all("hito")
    ]
    return PlanForm(rows, form.text("observaciones"), form.text("motivo"))


def edited_plan(plan: Json, typed: PlanForm) -> Json:
    """Return the whole plan as it is to be: the rest of it stays."""
    milestones = [
        {
            "id": row.id,
            "nombre": row.name,
            "estimacion_horas": _hours(row.hours),
            "agente": row.agent,
            "entregable": row.makes,
        }
        for row in typed.kept
    ]
    hours = [one["estimacion_horas"] for one in milestones]
    total = sum(hour for hour in hours if isinstance(hour, float))
    notes = [line.strip() for line in typed.notes.split("\n") if line.strip()]
    return {
        **plan,
        "milestones": milestones,
        "estimacion_horas": round(total, 2),
        "observaciones": notes,
    }


def problems_of(typed: PlanForm, fields: Mapping[str, str], reader: Reader) -> dict[str, str]:
    """Return what is wrong by the names of the form's fields; what is none of them by `otros`."""
    found: dict[str, str] = {}
    kept = typed.kept
    unreadable = {f"horas.{row.id}" for row in kept if not isinstance(_hours(row.hours), float)}
    for path, said in fields.items():
        parts = path.removeprefix("plan.").split(".")
        name = _field_of(parts, kept)
        if name in unreadable:
            found[name] = reader.t(
                "Escribe un número de horas, por ejemplo 2.5",
                "Write a number of hours, for instance 2.5",
            )
            continue
        found[name] = f"{found[name]} {said}" if name in found else said
    return found


def _field_of(parts: Sequence[str], kept: Sequence[MilestoneRow]) -> str:
    match parts:
        case ["milestones", index, field] if index.isdecimal() and int(index) < len(kept):
            return f"{_PARTS.get(field, 'nombre')}.{kept[int(index)].id}"
        case ["observaciones", *_]:
            return "observaciones"
        case ["motivo"]:
            return "motivo"
        case _:
            return "otros"


def _rows(plan: Json) -> list[MilestoneRow]:
    milestones: list[Json] = plan["milestones"]
    return [
        MilestoneRow(
            id=one["id"],
            name=one["nombre"],
            hours=f"{one['estimacion_horas']:g}",
            makes=one["entregable"],
            place=str(place),
            agent=one["agente"],
        )
        for place, one in enumerate(milestones, 1)
    ]


def _hours(text: str) -> Any:  # noqa: ANN401 — what is no number is sent as it is: the API says so
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


def _place(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return _LAST
