"""The construction plan, and what differs between two (design §2.1 `plan`, resolutions 23 and 29).

Names in a list are compared one by one, milestones by their ids. A list with one more entry
therefore shows that entry and not two lists.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


def _as_documented(hours: float) -> int | float:
    return int(hours) if hours.is_integer() else hours  # design §2.1 writes 24, not 24.0


Hours = Annotated[float, Field(gt=0, le=1000), PlainSerializer(_as_documented)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Resources(_Strict):
    """What the running product needs. Cores, GiB of memory, GiB of disk."""

    cpu_cores: int = Field(ge=1, le=64)
    ram_gb: int = Field(ge=1, le=512)
    storage_gb: int = Field(ge=1, le=10_000)


class Milestone(_Strict):
    """A piece of construction that is either done or not; hours weigh it in the progress."""

    id: Identifier
    nombre: Name
    estimacion_horas: Hours
    agente: Name
    entregable: Annotated[str, StringConstraints(max_length=400)] = ""


class Plan(_Strict):
    """The plan an approver reads. Keys are the design's wire names (§2.1)."""

    stack_tecnologico: tuple[Name, ...] = Field(min_length=1)
    integraciones: tuple[Name, ...] = ()
    templates: tuple[Identifier, ...] = Field(min_length=1)
    recursos_requeridos: Resources
    estimacion_horas: Hours
    subagentes_asignados: tuple[Name, ...] = Field(min_length=1)
    milestones: tuple[Milestone, ...] = Field(min_length=1)
    observaciones: tuple[str, ...] = ()
    """What the approver should know: deviations, requested parts the catalogue does not have."""

    def digest(self) -> str:
        """Return the SHA-256 of the plan's canonical JSON, hexadecimal; an approval binds it."""
        canonical = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


_LISTS_BEFORE = ("stack_tecnologico", "integraciones", "templates")
_LISTS_AFTER = ("subagentes_asignados",)


class Change(StrEnum):
    """What became of a field."""

    AGREGADO = "agregado"
    QUITADO = "quitado"
    CAMBIADO = "cambiado"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, e.g. "milestones.qa.estimacion_horas", before and after: plain JSON values.

    What was added has no `before`, what was taken away no `after` (None).
    """

    field: str
    change: Change
    before: Any = None
    after: Any = None

    def document(self) -> dict[str, Any]:
        """Return it as it is answered."""
        return {
            "campo": self.field,
            "cambio": self.change.value,
            "antes": self.before,
            "despues": self.after,
        }


def differences(before: Plan, after: Plan) -> list[Difference]:
    """Return what changed from one plan to the other, in the order of a plan's fields.

    Empty only if the plans are the same, to the hash.
    """
    return list(_differences(before, after))


def _differences(before: Plan, after: Plan) -> Iterator[Difference]:
    for name in _LISTS_BEFORE:
        yield from _names(name, getattr(before, name), getattr(after, name))
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    needs = "recursos_requeridos"
    yield from _values(f"{needs}.", old[needs], new[needs])
    yield from _value("estimacion_horas", old["estimacion_horas"], new["estimacion_horas"])
    for name in _LISTS_AFTER:
        yield from _names(name, getattr(before, name), getattr(after, name))
    yield from _milestones(before.milestones, after.milestones)
    yield from _names("observaciones", before.observaciones, after.observaciones)


def _value(field: str, before: object, after: object) -> Iterator[Difference]:
    if before != after:
        yield Difference(field, Change.CAMBIADO, before, after)


def _values(prefix: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    for name, value in before.items():
        yield from _value(prefix + name, value, after[name])


def _names(field: str, before: Sequence[str], after: Sequence[str]) -> Iterator[Difference]:
    shared = Counter(before) & Counter(after)
    for name in _beyond(before, shared):
        yield Difference(field, Change.QUITADO, before=name)
    for name in _beyond(after, shared):
        yield Difference(field, Change.AGREGADO, after=name)
    if _within(before, shared) != _within(after, shared):
        yield Difference(field, Change.CAMBIADO, list(before), list(after))


def _milestones(before: Sequence[Milestone], after: Sequence[Milestone]) -> Iterator[Difference]:
    old = {item.id: item.model_dump(mode="json") for item in before}
    new = {item.id: item.model_dump(mode="json") for item in after}
    for key, item in old.items():
        if key not in new:
            yield Difference(f"milestones.{key}", Change.QUITADO, before=item)
        else:
            yield from _values(f"milestones.{key}.", item, new[key])
    for key, item in new.items():
        if key not in old:
            yield Difference(f"milestones.{key}", Change.AGREGADO, after=item)
    if [key for key in old if key in new] != [key for key in new if key in old]:
        yield Difference("milestones", Change.CAMBIADO, list(old), list(new))


def _beyond(names: Sequence[str], shared: Counter[str]) -> list[str]:
    """Return the names that the other list does not have, or not as often."""
    return list((Counter(names) - shared).elements())


def _within(names: Sequence[str], shared: Counter[str]) -> list[str]:
    left, kept = Counter(shared), list[str]()
    for name in names:
        if left[name] > 0:
            left[name] -= 1
            kept.append(name)
    return kept
