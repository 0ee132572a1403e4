"""What is different between two plans, field by field, for people who decide about one.

Names in a list are compared one by one and milestones by their ids, so that a list with one more
entry shows that entry and not two lists.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from axon_factory.domain.plan import Milestone, Plan

__all__ = ["Change", "Difference", "differences"]

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
