"""What a list shows of orders: the fields there are, how each is written, the page around them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

from pydantic import ConfigDict, Field, RootModel

from axon_factory.domain.answers import AnswerModel, Count, column_writers, fields_marked
from axon_factory.domain.permissions import Grant, Principal
from axon_factory.orders.answers.order import Order, OrderSummary
from axon_factory.orders.answers.shared import EXAMPLE_NUMBER, NotListed, design_example, extended

__all__ = ["SUMMARY", "OrderPage", "OrderReply", "listed", "shown"]

SUMMARY = tuple(OrderSummary.model_fields)
"""The keys of an entry of a list unless `fields` says otherwise (design §3.4)."""
_NOT_LISTED = fields_marked(Order, NotListed)


def _any_of_them(schema: dict[str, Any]) -> None:
    """Make every key optional."""
    del schema["required"]
    for member in schema["properties"].values():
        member.pop("default", None)


def _any_listed(schema: dict[str, Any]) -> None:
    """Make every key optional, and leave out the keys that lists do not show."""
    for name in _NOT_LISTED:
        del schema["properties"][name]
    _any_of_them(schema)


class OrderFields(Order):
    """Los campos de una orden de una lista que `fields` pidió."""

    model_config = ConfigDict(json_schema_extra=_any_listed)
    EXAMPLE: ClassVar = {"order_number": EXAMPLE_NUMBER, "estado": "construccion"}


class OrderPart(Order):
    """Los campos de una orden que `fields` pidió."""

    model_config = ConfigDict(json_schema_extra=_any_of_them)
    EXAMPLE: ClassVar = {"estado": "planificacion", "plan_version": 1}


class OrderReply(RootModel[Order | OrderPart]):
    """Una orden completa, con lo que quien pregunta puede leer de ella (§3.2)."""

    EXAMPLE: ClassVar = Order.EXAMPLE


class OrderPage(AnswerModel):
    """Una página de órdenes (§3.4)."""

    EXAMPLE: ClassVar = extended(
        design_example("3.4-list.200"), {"next": "eyJvIjoiY3JlYXRlZF9hdCJ9", "prev": None}
    )

    total: Count = Field(description="Cuántas órdenes cumplen los filtros, exacto.")
    limit: int = Field(ge=1, le=200, description="Cuántas caben en una página.")
    offset: Count = Field(description="Cuántas se saltaron.")
    count: Count = Field(description="Cuántas trae esta página.")
    orders: list[OrderSummary | OrderFields] = Field(
        description="Las órdenes de la página; con `fields`, solo esos campos."
    )
    next: str | None = Field(description="`cursor` de la página siguiente; null en la última.")
    prev: str | None = Field(description="`cursor` de la página anterior; null en la primera.")


def listed(grant: Grant) -> Sequence[str]:
    """Return the names that `fields` may have in a list for this grant."""
    return list(_listed(grant))


def shown(names: Sequence[str], row: Sequence[Any], principal: Principal) -> dict[str, Any]:
    """Return one entry of a list as the caller may read it; `row` has the columns `names`."""
    writers = _listed(principal.grant)
    return {
        name: value if (write := writers[name]) is None else write(value)
        for name, value in zip(names, row, strict=True)
        if name in writers
    }


@cache
def _listed(grant: Grant) -> Mapping[str, Callable[[Any], Any] | None]:
    writers = column_writers(Order, grant)
    return {name: write for name, write in writers.items() if name not in _NOT_LISTED}
