"""A plan in plain words: what it makes in a paragraph, and what changed, line by line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Json
from axon_factory.web.language import Reader

__all__ = ["ChangeLine", "change_lines", "paragraph"]

_ARROW = " → "
_NAMES: Mapping[str, Sentence] = MappingProxyType(
    {
        "stack_tecnologico": Sentence("Tecnología", "Technology"),
        "integraciones": Sentence("Integración", "Integration"),
        "templates": Sentence("Plantilla", "Template"),
        "subagentes_asignados": Sentence("Agente", "Agent"),
        "observaciones": Sentence("Nota", "Note"),
    }
)
_AMOUNTS: Mapping[str, Sentence] = MappingProxyType(
    {
        "estimacion_horas": Sentence("Horas en total", "Hours altogether"),
        "recursos_requeridos.cpu_cores": Sentence("Núcleos", "Cores"),
        "recursos_requeridos.ram_gb": Sentence("Memoria en GiB", "Memory in GiB"),
        "recursos_requeridos.storage_gb": Sentence("Disco en GiB", "Disk in GiB"),
    }
)
_OF_MILESTONE: Mapping[str, Sentence] = MappingProxyType(
    {
        "nombre": Sentence("nombre", "name"),
        "agente": Sentence("agente", "agent"),
        "entregable": Sentence("qué queda hecho", "what is made"),
    }
)


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One thing that a plan has otherwise than another."""

    kind: str
    """agregado, quitado or cambiado."""
    text: str
    note: str = ""
    """Its effect on the hours."""


def paragraph(plan: Json, type_name: str, reader: Reader) -> list[str]:
    """Return what the plan makes, with what, and how much work it is, in sentences."""
    t = reader.t
    milestones: list[Json] = plan["milestones"]
    made = [_small(one["entregable"] or one["nombre"]) for one in milestones]
    hours = reader.number(plan["estimacion_horas"])
    count = len(milestones)
    said = [
        t(
            f"{type_name}: {hours} h de trabajo en {count} {'hito' if count == 1 else 'hitos'}.",
            f"{type_name}: {hours} h of work in {count} milestone{'' if count == 1 else 's'}.",
        ),
        t(f"Queda hecho: {_listed(made, reader)}.", f"It makes: {_listed(made, reader)}."),
    ]
    if plan["integraciones"]:
        names = _listed(plan["integraciones"], reader)
        said.append(t(f"Se conecta con {names}.", f"It connects to {names}."))
    else:
        said.append(t("No se conecta con nada externo.", "It connects to nothing outside."))
    needs = plan["recursos_requeridos"]
    cores, memory, disk = needs["cpu_cores"], needs["ram_gb"], needs["storage_gb"]
    used = _listed(plan["stack_tecnologico"], reader)
    said.append(
        t(
            f"Usa {used}, y en marcha necesita {cores} {'núcleo' if cores == 1 else 'núcleos'}, "
            f"{memory} GiB de memoria y {disk} GiB de disco.",
            f"It uses {used}, and needs {cores} core{'' if cores == 1 else 's'}, "
            f"{memory} GiB of memory and {disk} GiB of disk to run.",
        )
    )
    return said


def change_lines(
    changes: Iterable[Json], names: Mapping[str, str], reader: Reader
) -> list[ChangeLine]:
    """Return changes as lines.

    Args:
        changes: Of a comparison, field by field, or of a brief, which has them in words.
        names: The milestones of the newer plan by id.
        reader: Who reads them.
    """
    return [_line(change, names, reader) for change in changes]


def _line(change: Json, names: Mapping[str, str], reader: Reader) -> ChangeLine:
    if "texto" in change:
        note = _signed(change["horas"], reader) if change["horas"] else ""
        return ChangeLine(str(change["cambio"]), str(change["texto"]), note)
    field, kind = str(change["campo"]), str(change["cambio"])
    before, after = change["antes"], change["despues"]
    if field == "milestones":
        text = reader.t("Otro orden de los hitos", "Another order of the milestones")
        return ChangeLine(kind, text)
    if field.startswith("milestones."):
        return _of_milestone(change, names, reader)
    if field in _NAMES:
        name = reader.say(_NAMES[field])
        if kind == "cambiado":
            return ChangeLine(kind, reader.t(f"{name}: otro orden", f"{name}: another order"))
        return ChangeLine(kind, f"{name}: {after if kind == 'agregado' else before}")
    label = reader.say(_AMOUNTS[field]) if field in _AMOUNTS else field.replace("_", " ")
    text = f"{label}: {_value(before, reader)}{_ARROW}{_value(after, reader)}"
    is_hours = field == "estimacion_horas"
    return ChangeLine(kind, text, _hours(before, after, reader) if is_hours else "")


def _of_milestone(change: Json, names: Mapping[str, str], reader: Reader) -> ChangeLine:
    field, kind = str(change["campo"]), str(change["cambio"])
    before, after = change["antes"], change["despues"]
    key, _, part = field.removeprefix("milestones.").partition(".")
    if not part:
        item = after if kind == "agregado" else before
        hours = float(item["estimacion_horas"])
        signed = hours if kind == "agregado" else -hours
        text = reader.t(f"Hito «{item['nombre']}»", f"Milestone “{item['nombre']}”")
        return ChangeLine(kind, text, _signed(signed, reader))
    name = names.get(key, key)
    head = reader.t(f"Hito «{name}»", f"Milestone “{name}”")
    if part == "estimacion_horas":
        text = f"{head}: {_value(before, reader)}{_ARROW}{_value(after, reader)} h"
        return ChangeLine(kind, text, _hours(before, after, reader))
    label = reader.say(_OF_MILESTONE.get(part, part))
    was = _value(before, reader) or reader.t("nada", "nothing")
    return ChangeLine(kind, f"{head}, {label}: {was}{_ARROW}{_value(after, reader)}")


def _hours(before: Any, after: Any, reader: Reader) -> str:  # noqa: ANN401 — values of an answer
    return _signed(float(after) - float(before), reader)


def _signed(hours: float, reader: Reader) -> str:
    sign = "+" if hours > 0 else "\N{MINUS SIGN}"
    return f"{sign}{reader.number(abs(hours))} h"


def _value(value: Any, reader: Reader) -> str:  # noqa: ANN401 — a value of an answer
    if isinstance(value, int | float):
        return reader.number(value)
    return "" if value is None else str(value)


def _small(text: str) -> str:
    """Return a name as it stands within a sentence; what is all capitals stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _listed(names: Sequence[str], reader: Reader) -> str:
    """Return names as a sentence lists them."""
    if len(names) < 2:  # noqa: PLR2004 — one name needs no word between
        return "".join(names)
    last = names[-1]
    y = "e" if last[:1].lower() == "i" or last[:2].lower() == "hi" else "y"
    return f"{', '.join(names[:-1])} {reader.t(y, 'and')} {last}"
