"""What has happened to an order: its stages, and its events as CloudEvents 1.0."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from axon_factory.api.answers import json_response
from axon_factory.api.authentication import require
from axon_factory.api.documentation import answers
from axon_factory.api.services import Services
from axon_factory.domain.permissions import Action, Principal
from axon_factory.orders.answers.events import (
    EVENT_BATCH,
    EventPage,
    History,
    cloud_event,
    history_document,
)
from axon_factory.orders.history import read_stages
from axon_factory.orders.read import NEWEST_EVENTS, events_after, read_order

__all__ = ["After", "PageSize", "router"]

router = APIRouter(prefix="/api/orders", tags=["ordenes"])

_BATCH = "application/cloudevents-batch+json"

After = Annotated[
    int, Query(ge=0, le=2**31 - 1, description="Solo lo posterior a esta secuencia, sin incluirla")
]
PageSize = Annotated[int, Query(ge=1, le=NEWEST_EVENTS, description="Cuántos como máximo")]


@router.get(
    "/{id}/history",
    operation_id="getOrderHistory",
    summary="Consultar las etapas de una orden",
    responses=answers(History, etag=True),
)
async def show_history(
    id: str,  # noqa: A002 — the design's name of the parameter
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_ORDER))],
) -> Response:
    """Devuelve las etapas de la orden con sus tiempos, por intento."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        stages = await read_stages(session, order, principal, datetime.now(UTC))
    return json_response(request, history_document(order, stages))


@router.get(
    "/{id}/events",
    operation_id="listOrderEvents",
    summary="Consultar los eventos de una orden",
    responses=answers(EventPage, etag=True, headers=["Link"], media={_BATCH: EVENT_BATCH}),
)
async def show_events(
    id: str,  # noqa: A002 — the design's name of the parameter
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_ORDER))],
    after: After = 0,
    limit: PageSize = NEWEST_EVENTS,
) -> Response:
    """Devuelve los eventos de la orden como CloudEvents 1.0, en orden.

    Con `Accept: application/cloudevents-batch+json`, la lista sola.
    """
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        found = await events_after(session, order, principal, after, limit)
    events = [cloud_event(order.order_number, event, principal) for event in found]
    next_after = found[-1].seq if found else after
    headers = {
        "Vary": "Accept",
        "Link": f'</api/orders/{order.id}/events?after={next_after}&limit={limit}>; rel="next"',
    }
    if _BATCH in request.headers.get("accept", ""):
        return json_response(request, events, headers=headers, media_type=_BATCH)
    page = {
        "order_id": str(order.id),
        "count": len(events),
        "next_after": next_after,
        "events": events,
    }
    return json_response(request, page, headers=headers)
