"""The delivery log, and delivering anew."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from axon_factory.api.answers import json_response
from axon_factory.api.authentication import require
from axon_factory.api.notification_views import (
    Delivery,
    DeliveryPage,
    DeliveryWithAttempts,
    attempt_documents,
    delivery_document,
)
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.errors import Conflict, OrderNotFound
from axon_factory.domain.messages import DeliveryState
from axon_factory.domain.permissions import Action, Principal
from axon_factory.orders.notifications.deliveries import (
    DeliveryQuery,
    attempts_of,
    delivery_id_of,
    find_delivery,
    list_deliveries,
    redeliver,
)
from axon_factory.orders.notifications.outbox import family_of
from axon_factory.orders.read import read_order

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/api/notifications/deliveries", tags=["avisos"])

_MOST_ROWS = 200
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

Keeper = Annotated[Principal, Depends(require(Action.MANAGE_NOTIFICATIONS))]


class DeliveryFilters(BaseModel):
    """Which deliveries: all filters must be met."""

    model_config = ConfigDict(extra="ignore")

    estado: DeliveryState | None = Field(None, description="Cómo va la entrega")
    orden: str | None = Field(
        None, max_length=64, pattern=_PRINTABLE, description="Id o número de una orden"
    )
    destino: UUID | None = Field(None, description="UUID de un destino")
    cursor: str | None = Field(
        None, max_length=128, pattern=_PRINTABLE, description="`next_cursor` de la página anterior"
    )
    limit: int = Field(50, ge=1, le=_MOST_ROWS, description="Cuántas como máximo")


@router.get(
    "",
    operation_id="listDeliveries",
    summary="Listar las entregas",
    responses=answers(DeliveryPage, etag=True),
)
@raises(OrderNotFound)
async def list_all(
    filters: Annotated[DeliveryFilters, Query()],
    request: Request,
    principal: Keeper,
    services: Services,
) -> Response:
    """Lista correos y avisos, los más recientes primero, y cómo va cada uno.

    Una clave ve los avisos a sus propios destinos.
    """
    async with services.database.reading() as session:
        order = await read_order(session, filters.orden, principal) if filters.orden else None
        query = DeliveryQuery(
            state=filters.estado,
            order_id=None if order is None else order.id,
            destination_id=filters.destino,
            cursor=filters.cursor,
            limit=filters.limit,
            family=await family_of(session, principal),
        )
        page = await list_deliveries(session, query)
    shown = [delivery_document(delivery) for delivery in page.deliveries]
    return json_response(
        request, {"count": len(shown), "next_cursor": page.next_cursor, "deliveries": shown}
    )


@router.get(
    "/{id}",
    operation_id="getDelivery",
    summary="Consultar una entrega",
    responses=answers(DeliveryWithAttempts, etag=True),
)
async def show(
    id: str,
    request: Request,
    principal: Keeper,
    services: Services,
) -> Response:
    """Muestra una entrega con cada uno de sus intentos."""
    message_id = delivery_id_of(id)
    async with services.database.reading() as session:
        family = await family_of(session, principal)
        delivery = await find_delivery(session, message_id, family)
        attempts = await attempts_of(session, message_id)
    detail = {"detalle_intentos": attempt_documents(attempts)}
    return json_response(request, delivery_document(delivery) | detail)


@router.post(
    "/{id}/redeliver",
    operation_id="redeliverDelivery",
    summary="Reenviar una entrega",
    responses=answers(Delivery),
)
@raises(Conflict)
async def send_again(
    id: str,
    write: Annotated[Write, Depends(write_as(Action.MANAGE_NOTIFICATIONS))],
) -> Response:
    """La envía ahora otra vez, con el mismo id, también si ya había llegado."""
    message_id = delivery_id_of(id)
    async with write.transaction("redeliver") as session:
        family = await family_of(session, write.principal)
        delivery = await redeliver(session, message_id, family)
        return write.answer(delivery_document(delivery), subject=f"delivery:{message_id}")
