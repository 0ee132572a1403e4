"""The documented reads of orders (design §3.2, §3.3, §3.4)."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from axon_factory.api.answers import json_response, version_etag
from axon_factory.api.authentication import require
from axon_factory.api.documentation import answers, raises
from axon_factory.api.languages import prefers_english
from axon_factory.api.list_parameters import RequestedFields, unknown_field
from axon_factory.api.routers.feeds import After, PageSize
from axon_factory.api.services import Services
from axon_factory.domain.errors import ResultNotReady
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.sentences import in_english
from axon_factory.orders.answers.events import LogPage, log_entry
from axon_factory.orders.answers.order import detail
from axon_factory.orders.answers.results import OrderResult
from axon_factory.orders.capacity import place_in_queue
from axon_factory.orders.evidence import read_receipts
from axon_factory.orders.lists.fields import OrderReply
from axon_factory.orders.read import (
    NEWEST_EVENTS,
    events_after,
    newest_events,
    read_order,
)
from axon_factory.orders.result import result_of

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["ordenes"])


@router.get(
    "/{id}",
    operation_id="getOrder",
    summary="Consultar una orden",
    responses=answers(OrderReply, etag=True),
)
async def show(
    id: str,  # noqa: A002 — the design's name of the parameter
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_ORDER))],
    fields: Annotated[
        RequestedFields,
        Query(
            default_factory=list[str],
            description="Solo estos campos de la orden, separados por comas.",
        ),
    ],
) -> Response:
    """Consulta una orden por su id o su número (§3.2)."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        events = await newest_events(session, order, principal)
        receipts = await read_receipts(session, order)
        place = await place_in_queue(session, order, datetime.now(UTC))
    document = detail(
        order,
        events,
        receipts,
        principal,
        own_orders=services.policy.approval.own_orders,
        place_in_queue=place,
    )
    if any(name not in document for name in fields):
        raise unknown_field(document)
    if fields:
        document = {name: document[name] for name in dict.fromkeys(fields)}
    if prefers_english(request.headers.get("accept-language", "")):
        document = in_english(document)
    return json_response(request, document, etag=version_etag(order.version))


@router.get(
    "/{id}/logs",
    operation_id="listOrderLogs",
    summary="Consultar los logs de una orden",
    responses=answers(LogPage, etag=True),
)
async def show_logs(
    id: str,  # noqa: A002 — the design's name of the parameter
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_ORDER))],
    after: After = 0,
    limit: PageSize = NEWEST_EVENTS,
) -> Response:
    """Devuelve las entradas con secuencia mayor que `after`, en orden."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        events = await events_after(session, order, principal, after, limit)
    page = {
        "order_id": str(order.id),
        "count": len(events),
        "next_after": events[-1].seq if events else after,
        "logs": [log_entry(event, principal) for event in events],
    }
    return json_response(request, page)


@router.get(
    "/{id}/result",
    operation_id="getOrderResult",
    summary="Consultar el producto entregado",
    responses=answers(OrderResult, etag=True),
)
@raises(ResultNotReady)
async def show_result(
    id: str,  # noqa: A002 — the design's name of the parameter
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_RESULT))],
) -> Response:
    """Devuelve el producto entregado, con las credenciales enmascaradas (§3.3)."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        document = await result_of(session, order, services.policy, datetime.now(UTC))
    return json_response(request, document)
