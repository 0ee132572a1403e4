"""Body of POST /api/orders/bulk: one act on orders named one by one, or by a filter."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    RootModel,
    ValidationError,
    model_validator,
)

from axon_factory.domain.building import Priority
from axon_factory.domain.requests import RequestModel
from axon_factory.domain.states import Needs, OrderState, PlanStatus, WaitsFor
from axon_factory.domain.text import Sentence
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.requests import LongText
from axon_factory.orders.requests.messages import error_line, sentence_of
from axon_factory.orders.requests.values import ClientId, ShortText, Tags, Time

__all__ = [
    "MOST_ORDERS",
    "BulkAct",
    "BulkRequest",
    "CancelOrders",
    "OrderFilter",
    "PrioritiseOrders",
    "RetryOrders",
    "TagOrders",
]

MOST_ORDERS = 100
"""Every order of an act stays locked until the act's end, which others wait for. A hundred take 1.4
seconds of computing; after 5 seconds the database refuses to wait."""

_ACTS = ("cancel", "retry", "prioridad", "tag")
_MISSING = Sentence("Falta este campo", "This field is missing")
_ONE_OF_BOTH = Sentence(
    "Envía `ids` o `filtro`, uno de los dos", "Send `ids` or `filtro`, not both"
)
_NO_FILTER = Sentence("Indica al menos un filtro", "Give at least one filter")
_NOTHING_TO_TAG = Sentence(
    "Envía etiquetas en `agregar` o en `quitar`", "Send tags in `agregar` or in `quitar`"
)

State = Annotated[OrderState, Field(strict=False)]
Rank = Annotated[Priority, Field(strict=False)]
PlanState = Annotated[PlanStatus, Field(strict=False)]
Waiting = Annotated[WaitsFor, Field(strict=False)]
Need = Annotated[Needs, Field(strict=False)]
Names = Annotated[list[ShortText], Field(min_length=1, max_length=20)]


class OrderFilter(RequestModel):
    """Los filtros de `GET /api/orders`; al menos uno."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"minProperties": 1})

    estado: Annotated[list[State], Field(min_length=1, max_length=8)] = Field(
        default_factory=list[OrderState], description="Cualquiera de estos estados."
    )
    tipo_producto: Names = Field(default_factory=list, description="Cualquiera de estos tipos.")
    prioridad: Annotated[list[Rank], Field(min_length=1, max_length=4)] = Field(
        default_factory=list[Priority], description="Cualquiera de estas prioridades."
    )
    tag: Annotated[Tags, Field(min_length=1)] = Field(
        default_factory=list, description="Todas estas etiquetas."
    )
    asignado_a: Names = Field(default_factory=list, description="Cualquiera de estos responsables.")
    cliente_id: Annotated[list[ClientId], Field(min_length=1, max_length=20)] = Field(
        default_factory=list, description="Cualquiera de estos clientes."
    )
    q: ShortText | None = Field(
        default=None, description="Palabras de la orden, el producto o el cliente."
    )
    creado_desde: Time | None = Field(default=None, description="Creadas desde este momento.")
    creado_hasta: Time | None = Field(default=None, description="Creadas antes de este momento.")
    plan_estado: Annotated[list[PlanState], Field(min_length=1, max_length=4)] = Field(
        default_factory=list[PlanStatus], description="Cualquiera de estos estados del plan."
    )
    espera: Annotated[list[Waiting], Field(min_length=1, max_length=4)] = Field(
        default_factory=list[WaitsFor], description="Detenidas por cualquiera de estas causas."
    )
    necesita: Annotated[list[Need], Field(min_length=1, max_length=3)] = Field(
        default_factory=list[Needs], description="Quién debe el próximo paso."
    )
    order_number: Names = Field(default_factory=list, description="Cualquiera de estos números.")
    actualizado_desde: Time | None = Field(
        default=None, description="Cambiadas desde este momento."
    )
    actualizado_hasta: Time | None = Field(
        default=None, description="Cambiadas antes de este momento."
    )
    entregado_desde: Time | None = Field(default=None, description="Entregadas desde este momento.")
    entregado_hasta: Time | None = Field(
        default=None, description="Entregadas antes de este momento."
    )

    @property
    def query(self) -> ListQuery:
        """The filter as lists take it."""
        return ListQuery(
            states=tuple(self.estado),
            product_types=tuple(self.tipo_producto),
            priorities=tuple(self.prioridad),
            tags=tuple(self.tag),
            assignees=tuple(self.asignado_a),
            client_ids=tuple(self.cliente_id),
            text=self.q,
            created_from=self.creado_desde,
            created_before=self.creado_hasta,
            plan_states=tuple(self.plan_estado),
            waits=tuple(self.espera),
            needs=tuple(self.necesita),
            order_numbers=tuple(self.order_number),
            updated_from=self.actualizado_desde,
            updated_before=self.actualizado_hasta,
            delivered_from=self.entregado_desde,
            delivered_before=self.entregado_hasta,
        )


class _Selection(RequestModel):
    """Which orders, and whether they are only to be counted."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        # No oneOf: generators of clients take its branches for objects without the fields below.
        json_schema_extra={
            "if": {"required": ["ids"]},
            "then": {"not": {"required": ["filtro"]}},
            "else": {
                "required": ["filtro"],
                "properties": {"filtro": {"type": "object"}},
                "if": {"required": ["preview"], "properties": {"preview": {"const": True}}},
                "else": {"required": ["esperado"], "properties": {"esperado": {"type": "integer"}}},
            },
        },
    )

    ids: Annotated[list[ShortText], Field(min_length=1, max_length=MOST_ORDERS)] = Field(
        default_factory=list, description="Ids o números de orden."
    )
    filtro: OrderFilter | None = Field(
        default=None, description="Las órdenes que cumplen estos filtros."
    )
    esperado: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(
        default=None, description="El `total` que dio la vista previa de este filtro."
    )
    preview: bool = Field(default=False, description="Solo cuenta; no cambia nada.")

    def wrong_fields(self) -> Iterator[tuple[str, Sentence]]:
        """Yield what is wrong only with the fields taken together."""
        if bool(self.ids) == (self.filtro is not None):
            yield "ids", _ONE_OF_BOTH
        elif self.filtro is not None and not self.filtro.model_fields_set:
            yield "filtro", _NO_FILTER
        elif self.filtro is not None and not self.preview and self.esperado is None:
            yield "esperado", _MISSING


class CancelOrders(_Selection):
    """Cancela órdenes, con un motivo."""

    accion: Literal["cancel"] = Field(description="Qué se hace.")
    motivo: LongText = Field(description="Por qué se cancelan.")


class RetryOrders(_Selection):
    """Reintenta órdenes fallidas."""

    accion: Literal["retry"] = Field(description="Qué se hace.")


class PrioritiseOrders(_Selection):
    """Cambia la prioridad de órdenes."""

    accion: Literal["prioridad"] = Field(description="Qué se hace.")
    prioridad: Rank


class TagOrders(_Selection):
    """Agrega y quita etiquetas de órdenes."""

    accion: Literal["tag"] = Field(description="Qué se hace.")
    agregar: Tags = Field(default_factory=list, description="Etiquetas que tendrán.")
    quitar: Tags = Field(default_factory=list, description="Etiquetas que dejarán de tener.")

    def wrong_fields(self) -> Iterator[tuple[str, Sentence]]:
        """Yield what is wrong only with the fields taken together."""
        yield from super().wrong_fields()
        if not self.agregar and not self.quitar:
            yield "agregar", _NOTHING_TO_TAG


BulkAct = CancelOrders | RetryOrders | PrioritiseOrders | TagOrders


class BulkRequest(RootModel[Annotated[BulkAct, Field(discriminator="accion")]]):
    """Un acto sobre varias órdenes."""

    @model_validator(mode="wrap")
    @classmethod
    def _by_field(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Name wrong fields as the caller does: Pydantic puts the act's name before each."""
        try:
            request = handler(value)
        except ValidationError as error:
            wrong = [(_sent(line), sentence_of(line)) for line in _plain(error.errors())]
        else:
            wrong = [((name,), told) for name, told in request.root.wrong_fields()]
            if not wrong:
                return request
        lines = [error_line(location, sentence) for location, sentence in wrong]
        raise ValidationError.from_exception_data(cls.__name__, lines)


def _plain(lines: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Say of an act that is missing or unknown what is said of any such field."""
    for line in lines:
        match line["type"]:
            case "union_tag_not_found":
                yield {"type": "missing", "loc": ("", "accion")}
            case "union_tag_invalid":
                expected = f"{', '.join(_ACTS[:-1])} or {_ACTS[-1]}"
                yield {"type": "enum", "loc": ("", "accion"), "ctx": {"expected": expected}}
            case _:
                yield line


def _sent(line: Mapping[str, Any]) -> tuple[str | int, ...]:
    return tuple(line["loc"][1:])
