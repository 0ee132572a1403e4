"""Answers with a page of orders, or with the fields of an order that were asked for."""

from typing import Any, ClassVar

from pydantic import ConfigDict, Field, RootModel

from axon_factory.api.schemas.base import AnswerModel, Count
from axon_factory.api.schemas.examples import EXAMPLE_NUMBER, design_example, extended
from axon_factory.api.schemas.orders import Order, OrderSummary

__all__ = ["OrderFields", "OrderPage", "OrderPart", "OrderReply"]

_NOT_LISTED = frozenset(
    {
        "plan",
        "plan_hash",
        "logs",
        "session_id",
        "fallo",
        "transiciones_permitidas",
        "promesa",
        "progreso_detalle",
        "silencio",
        "latido_at",
        "construye",
        "en_cola_desde",
        "posicion_en_cola",
        "borrado_at",
        "borrado_pendiente",
        "espera_causa",
    }
)
"""Keys of an order that a list does not show (`orders.lists.fields`)."""


def _any_of_them(schema: dict[str, Any]) -> None:
    """Make every key optional."""
    del schema["required"]
    for member in schema["properties"].values():
        member.pop("default", None)


def _any_listed(schema: dict[str, Any]) -> None:
    """Make every key optional, and leave out those that lists do not show."""
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
