"""What changed between two plans, in words a person decides by."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from axon_factory.domain.plan import Change, Difference, Plan, differences
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.brief import BriefChange

__all__ = ["changes_in_words"]

_THINGS: Mapping[str, Sentence] = MappingProxyType(
    {
        "stack_tecnologico": Sentence("Tecnología", "Technology"),
        "integraciones": Sentence("Integración", "Integration"),
        "templates": Sentence("Plantilla", "Template"),
        "subagentes_asignados": Sentence("Agente", "Agent"),
        "observaciones": Sentence("Nota:", "Note:"),
    }
)
_ORDER: Mapping[str, Sentence] = MappingProxyType(
    {
        "stack_tecnologico": Sentence("Orden de las tecnologías", "Order of the technologies"),
        "integraciones": Sentence("Orden de las integraciones", "Order of the integrations"),
        "templates": Sentence("Orden de las plantillas", "Order of the templates"),
        "subagentes_asignados": Sentence("Orden de los agentes", "Order of the agents"),
        "observaciones": Sentence("Orden de las notas", "Order of the notes"),
        "milestones": Sentence("Orden de los hitos", "Order of the milestones"),
    }
)
_SIZES: Mapping[str, tuple[Sentence, str]] = MappingProxyType(
    {
        "cpu_cores": (Sentence("Núcleos", "Cores"), ""),
        "ram_gb": (Sentence("Memoria", "Memory"), " GB"),
        "storage_gb": (Sentence("Disco", "Disk"), " GB"),
    }
)
_PARTS: Mapping[str, Sentence] = MappingProxyType(
    {
        "nombre": Sentence("otro nombre", "another name"),
        "agente": Sentence("otro agente", "another agent"),
        "entregable": Sentence("otro entregable", "another deliverable"),
    }
)


def changes_in_words(before: Plan, after: Plan) -> list[dict[str, Any]]:
    """Return the differences of two plans as a person reads them, in the order of a plan's fields.

    What changed of one milestone besides its hours is told once.
    """
    names = {one.id: one.nombre for one in (*before.milestones, *after.milestones)}
    found: list[dict[str, Any]] = []
    for difference in differences(before, after):
        text, hours = _told(difference, names)
        shown = BriefChange.of(None, cambio=difference.change.value, texto=text, horas=hours)
        if shown not in found:
            found.append(shown)
    return found


def _told(difference: Difference, names: Mapping[str, str]) -> tuple[Sentence, float | None]:
    """Return what changed, and by how many hours if that is known."""
    field, old, new = difference.field, difference.before, difference.after
    place = field.split(".")
    if field in _ORDER and difference.change is Change.CAMBIADO:
        return _ORDER[field], None
    if field in _THINGS:
        thing, value = _THINGS[field], new if new is not None else old
        return Sentence(f"{thing} {value}", f"{thing.en} {value}"), None
    if field == "estimacion_horas":
        return Sentence(
            f"Horas en total: {old:g} → {new:g}", f"Hours in all: {old:g} → {new:g}"
        ), new - old
    if place[0] == "milestones":
        return _milestone(place[1:], difference, names)
    size, unit = _SIZES[place[-1]]
    return Sentence(f"{size}: {old} → {new}{unit}", f"{size.en}: {old} → {new}{unit}"), None


def _milestone(
    place: Sequence[str], difference: Difference, names: Mapping[str, str]
) -> tuple[Sentence, float | None]:
    # An id may have dots of its own: the longest one that is known counts.
    whole = ".".join(place)
    key = whole if whole in names else whole.rpartition(".")[0]
    name = names.get(key, key)
    label = Sentence(f"Hito «{name}»", f"Milestone “{name}”")
    old, new = difference.before, difference.after
    match difference.change:
        case Change.AGREGADO:
            return label, float(new["estimacion_horas"])
        case Change.QUITADO:
            return label, -float(old["estimacion_horas"])
        case Change.CAMBIADO:
            part = whole.removeprefix(f"{key}.")
            if part == "estimacion_horas":
                return Sentence(
                    f"{label}: {old:g} → {new:g} h", f"{label.en}: {old:g} → {new:g} h"
                ), new - old
            what = _PARTS[part]
            return Sentence(f"{label}: {what}", f"{label.en}: {what.en}"), None
