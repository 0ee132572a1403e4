"""Which orders the board and the table show, as their address has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from axon_factory.domain.text import Sentence
from axon_factory.web import words
from axon_factory.web.language import Reader

__all__ = ["ORDERS", "Chip", "Filters", "filters_of"]

ORDERS = "/app/ordenes"
_SHARED = MappingProxyType(
    {
        "tipo": "tipo_producto",
        "prioridad": "prioridad",
        "cliente": "cliente_id",
        "tag": "tag",
        "asignado": "asignado_a",
        "q": "q",
    }
)
"""Parameters of the page, and what the API calls them: the board and lists know these."""
_OF_LISTS = MappingProxyType(
    {
        "estado": "estado",
        "necesita": "necesita",
        "desde": "creado_desde",
        "hasta": "creado_hasta",
    }
)
_ONE_VALUE = frozenset({"q", "desde", "hasta"})
_LONGEST = 200
_MOST = 8
_CHOICES = MappingProxyType(
    {
        "prioridad": words.PRIORITIES,
        "estado": words.STATES,
        "necesita": MappingProxyType(
            {
                "persona": Sentence("a una persona", "a person"),
                "cliente": Sentence("al cliente", "the client"),
                "nadie": Sentence("a nadie", "nobody"),
            }
        ),
    }
)
_NAMES = MappingProxyType(
    {
        "tipo": Sentence("Tipo", "Type"),
        "prioridad": Sentence("Prioridad", "Priority"),
        "cliente": Sentence("Cuenta", "Account"),
        "tag": Sentence("Etiqueta", "Tag"),
        "asignado": Sentence("Responsable", "Agent"),
        "q": Sentence("Contiene", "Contains"),
        "estado": Sentence("Estado", "State"),
        "necesita": Sentence("Espera", "Waits for"),
        "desde": Sentence("Desde", "Since"),
        "hasta": Sentence("Hasta", "Until"),
    }
)


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter that holds, and the address without it."""

    text: str
    without: str


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of one address; what is none is not there."""

    values: dict[str, tuple[str, ...]]
    is_table: bool
    sort: str = ""

    def __bool__(self) -> bool:
        return bool(self.values)

    def has(self, name: str, value: str) -> bool:
        """Return whether a value is among those of a filter."""
        return value in self.values.get(name, ())

    def text(self, name: str) -> str:
        """Return the first value of a filter."""
        return next(iter(self.values.get(name, ())), "")

    def query(self) -> dict[str, Any]:
        """Return what the API is asked for."""
        known = {**_SHARED, **(_OF_LISTS if self.is_table else {})}
        return {
            wire: self.values[name][0] if name in _ONE_VALUE else list(self.values[name])
            for name, wire in known.items()
            if name in self.values
        }

    def address(self, **changes: str) -> str:
        """Return the address with other parameters; an empty one is left out."""
        asked = dict(self._parameters())
        if self.sort:
            asked["orden"] = [self.sort]
        for name, value in changes.items():
            asked[name] = [value] if value else []
        given = urlencode({name: value for name, value in asked.items() if value}, doseq=True)
        return f"{ORDERS}?{given}" if given else ORDERS

    def of_view(self, view: str) -> str:
        """Return the address of the same orders as `tabla` or, without a view, on the board."""
        return Filters(self.values, is_table=view == "tabla", sort="").address()

    def chips(self, reader: Reader, types: dict[str, str]) -> list[Chip]:
        """Return the filters in words; `types` has the names of product types."""
        known = {**_SHARED, **_OF_LISTS} if self.is_table else _SHARED
        return [
            Chip(f"{reader.say(_NAMES[name])}: {self._said(name, value, reader, types)}", without)
            for name in known
            for value, without in self._without(name)
        ]

    def _without(self, name: str) -> Iterator[tuple[str, str]]:
        for value in self.values.get(name, ()):
            left = tuple(one for one in self.values[name] if one != value)
            others = {**self.values, name: left}
            yield value, Filters(others, self.is_table, self.sort).address()

    @staticmethod
    def _said(name: str, value: str, reader: Reader, types: dict[str, str]) -> str:
        if name == "tipo":
            return types.get(value, value)
        words_of_it = _CHOICES.get(name)
        return reader.say(words_of_it[value]) if words_of_it else value

    def _parameters(self) -> Iterator[tuple[str, list[str]]]:
        if self.is_table:
            yield "vista", ["tabla"]
        for name in (*_SHARED, *_OF_LISTS):
            if self.values.get(name):
                yield name, list(self.values[name])


def filters_of(
    parameters: QueryParams, types: dict[str, str], *, is_table: bool | None = None
) -> Filters:
    """Return the filters of an address; a value that cannot be is left out.

    `is_table` says for what they are; without it the address does.

    Lists that a form sends empty are none, and dates are days.
    """
    values: dict[str, tuple[str, ...]] = {}
    for name in (*_SHARED, *_OF_LISTS):
        given = [value.strip()[:_LONGEST] for value in parameters.getlist(name)]
        if name in {"tag", "asignado", "cliente"}:
            given = [part.strip() for value in given for part in value.split(",")]
        known = types if name == "tipo" else _CHOICES.get(name)
        kept = [one for one in dict.fromkeys(given) if one and (known is None or one in known)]
        if name in {"desde", "hasta"}:
            kept = [one for one in kept if _is_day(one)]
        if kept:
            values[name] = tuple(kept[:1] if name in _ONE_VALUE else kept[:_MOST])
    if is_table is None:
        is_table = parameters.get("vista") == "tabla"
    return Filters(values, is_table, parameters.get("orden", ""))


def _is_day(text: str) -> bool:
    try:
        return 1970 <= date.fromisoformat(text).year <= 9998  # noqa: PLR2004 — the API's own years
    except ValueError:
        return False
