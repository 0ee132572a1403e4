"""Which orders somebody follows: the filters of lists that a single order can be held against."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from axon_factory.domain.building import Priority
from axon_factory.domain.events import EventKind
from axon_factory.domain.states import OrderState
from axon_factory.orders.news import News
from axon_factory.orders.requests.values import ClientId, ProductTypeId, ShortText

__all__ = ["OrderFilters", "SocketFilters"]

_MOST_VALUES = 20
_STATES = ("estado_anterior", "estado_nuevo")


def _several(values: Any) -> Any:  # noqa: ANN401 — whatever was sent
    """Let one value stand for a list, and several in one text, with commas between them."""
    if isinstance(values, str):
        values = [values]
    if not isinstance(values, list):
        return values
    return [part.strip() for one in values for part in str(one).split(",")]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] — whatever was sent


def _list(values: Any) -> Any:  # noqa: ANN401 — whatever was sent
    return [values] if isinstance(values, str) else values


_Several = (BeforeValidator(_several), Field(max_length=_MOST_VALUES))


class OrderFilters(BaseModel):
    """Qué órdenes: deben cumplirse todos los filtros; sin ninguno, todas las que puedes leer."""

    estado: Annotated[list[OrderState], *_Several] = Field(
        default_factory=list[OrderState],
        description="Cualquiera de estos estados; también avisa de la que sale de ellos.",
    )
    tipo_producto: Annotated[list[ProductTypeId], *_Several] = Field(
        default_factory=list[str], description="Cualquiera de estos tipos."
    )
    prioridad: Annotated[list[Priority], *_Several] = Field(
        default_factory=list[Priority], description="Cualquiera de estas prioridades."
    )
    asignado_a: Annotated[list[ShortText], *_Several] = Field(
        default_factory=list[str], description="Cualquiera de estos responsables."
    )
    cliente_id: Annotated[list[ClientId], *_Several] = Field(
        default_factory=list[str], description="Cualquiera de estos clientes."
    )
    tag: Annotated[list[ShortText], BeforeValidator(_list), Field(max_length=_MOST_VALUES)] = Field(
        default_factory=list[str], description="La orden debe tenerlos todos."
    )

    def test(self) -> Callable[[News], bool]:
        """Return what says whether an event's order is one of these."""
        one_of = [
            (name, frozenset[str](str(one) for one in values))
            for name in ("tipo_producto", "prioridad", "asignado_a", "cliente_id")
            if (values := getattr(self, name))
        ]
        states = frozenset[str](state.value for state in self.estado)
        tags = frozenset(self.tag)
        if not (one_of or states or tags):
            return lambda _: True

        def is_one(news: News) -> bool:
            return (
                all(getattr(news, name) in values for name, values in one_of)
                and tags.issubset(news.tags)
                and (not states or not states.isdisjoint(_states_of(news)))
            )

        return is_one


def _one_or_several(schema: dict[str, Any]) -> None:
    """Show that one value may stand for a list."""
    for name, member in schema["properties"].items():
        several = {key: member[key] for key in ("type", "items", "maxItems")}
        schema["properties"][name] = {
            "description": member["description"],
            "anyOf": [member["items"], several],
        }


class SocketFilters(OrderFilters):
    """Los filtros de una suscripción; cada uno admite un valor o una lista."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_one_or_several)


def _states_of(news: News) -> set[str]:
    """Return the state that the order is in, and those that the event led from and to."""
    # Metadata of an agent's entry is the agent's own, whatever its keys are called.
    facts = {} if news.kind == EventKind.REGISTRO else news.details
    return {news.estado, *(str(facts[name]) for name in _STATES if name in facts)}
