"""What every row and card of the desk shows of its order."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, OrderNumber, Written
from axon_factory.domain.building import Priority
from axon_factory.domain.states import OrderState
from axon_factory.orders.answers.shared import EXAMPLE_ID, OrderId

__all__ = ["DESK_ORDER_EXAMPLE", "Amount", "DeskOrder", "amounts"]

DESK_ORDER_EXAMPLE: dict[str, Any] = {
    "id": EXAMPLE_ID,
    "order_number": "ORD-2025-118",
    "nombre_producto": "Bot de pedidos de La Espiga",
    "tipo_producto": "autopilot_whatsapp",
    "cliente": "Panadería La Espiga",
    "cliente_id": "cliente-118",
    "prioridad": "alta",
    "estado": "planificacion",
    "precio": "2500.00",
    "moneda": "USD",
}


class DeskOrder(AnswerModel):
    """Lo que una fila o una tarjeta muestra de su orden."""

    id: OrderId
    order_number: OrderNumber
    nombre_producto: str = Field(description="Nombre que el cliente lee.")
    tipo_producto: str = Field(description="Tipo de producto del catálogo.")
    cliente: str = Field(description="Nombre del cliente.")
    cliente_id: str | None = Field(description="Cliente dueño de la orden.")
    prioridad: Priority
    estado: OrderState
    precio: Annotated[str, Written(str)] = Field(
        pattern=r"^\d+\.\d\d$", description="Precio al crearla, en `moneda`."
    )
    moneda: str = Field(description="Moneda del precio (ISO 4217).")


class Amount(AnswerModel):
    """Una suma de precios en una moneda."""

    moneda: str = Field(description="ISO 4217.")
    monto: str = Field(pattern=r"^\d+\.\d\d$", description="La suma.")


def amounts(sums: dict[str, str] | None) -> list[dict[str, Any]]:
    """Return sums by currency as an answer has them, by the currency's name."""
    return [
        Amount.of(None, moneda=currency, monto=f"{Decimal(total):.2f}")
        for currency, total in sorted((sums or {}).items())
    ]
