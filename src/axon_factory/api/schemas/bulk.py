"""Answers to an act on many orders."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, Count, Message, OrderNumber
from axon_factory.domain.states import OrderState
from axon_factory.orders.answers.order import OrderSummary
from axon_factory.orders.answers.shared import EXAMPLE_ID, EXAMPLE_NUMBER

__all__ = ["BulkAnswer", "BulkCount"]

Act = Annotated[
    Literal["cancel", "retry", "prioridad", "tag"], Field(description="Lo que se pidió.")
]


class BulkEntry(AnswerModel):
    """Lo que pasó con una orden."""

    referencia: str = Field(description="El id o número con el que se pidió.")
    id: UUID | None = Field(description="null si no hay tal orden.")
    order_number: OrderNumber | None = Field(description="null si no hay tal orden.")
    status: Literal["ok", "refused"] = Field(description="Hecho, o rechazado.")
    codigo: str | None = Field(description="Código del error que lo rechazó; null si se hizo.")
    message: Message
    estado: OrderState | None = Field(description="Estado en que queda.")
    version: int | None = Field(description="Versión en que queda; es su `ETag`.")


class BulkAnswer(AnswerModel):
    """Un resultado por orden; el rechazo de una no deshace las demás."""

    EXAMPLE: ClassVar = {
        "accion": "cancel",
        "preview": False,
        "total": 1,
        "aplicadas": 1,
        "rechazadas": 0,
        "results": [
            {
                "referencia": EXAMPLE_NUMBER,
                "id": EXAMPLE_ID,
                "order_number": EXAMPLE_NUMBER,
                "status": "ok",
                "codigo": None,
                "message": "Orden cancelada",
                "estado": "cancelado",
                "version": 3,
            }
        ],
    }

    accion: Act
    preview: Literal[False] = Field(description="Falso: se hizo.")
    total: Count = Field(description="Órdenes pedidas.")
    aplicadas: Count = Field(description="Órdenes en las que se hizo.")
    rechazadas: Count = Field(description="Órdenes en las que no.")
    results: list[BulkEntry] = Field(description="Uno por orden, como se pidieron.")


class BulkCount(AnswerModel):
    """Lo que el acto alcanzaría; no cambia nada."""

    accion: Act
    preview: Literal[True] = Field(description="Verdadero: solo se contó.")
    total: Count = Field(description="Órdenes que la selección tiene; es el `esperado`.")
    limite: Count = Field(description="Órdenes que un acto admite.")
    rechazadas: Count = Field(description="Órdenes cuyo estado no lo permite.")
    no_encontradas: Count = Field(description="Ids o números sin orden.")
    por_estado: dict[OrderState, int] = Field(description="Órdenes en cada estado.")
    muestra: list[OrderSummary] = Field(description="Las primeras.")
