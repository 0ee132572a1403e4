"""Routing rules: `reglas` of the configuration, a list of objects.

`evento` is a pattern of types ("pedido.*"), `destino` an address or a service's name ("slack"),
`campos` what is sent on: new names and where their values stand ({"total": "datos.total"}).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from app.product import Product

MAX_RULES = 200


@dataclass(frozen=True, slots=True)
class Rule:
    """Which events go where, and what of them (no fields: all of it)."""

    event: str
    target: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def applies(self, kind: str) -> bool:
        """Say whether an event of this type follows the rule."""
        return fnmatchcase(kind, self.event)

    def transform(self, event: Any) -> Any:
        """Return what is sent on of an event."""
        if not self.fields:
            return event
        return {name: pick(event, path) for name, path in self.fields.items()}


def pick(value: Any, path: str) -> Any:
    """Return what stands at "a.b.0" in a document, None if nothing does."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 6:
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    return value


def configured_rules(product: Product) -> list[Rule]:
    """Return the rules of the configuration; what is no rule is left out."""
    value = product.configuration.get("reglas")
    return list(_rules(value))[:MAX_RULES] if isinstance(value, list) else []


def _rules(entries: list[Any]) -> Iterator[Rule]:
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("destino"), str):
            continue
        event = entry.get("evento", "*")
        fields = entry.get("campos", {})
        if not isinstance(event, str) or not isinstance(fields, dict):
            continue
        texts = {name: path for name, path in fields.items() if isinstance(path, str)}
        yield Rule(event, entry["destino"].strip(), texts)
