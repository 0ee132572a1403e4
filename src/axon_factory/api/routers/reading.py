"""The documented reads of orders (design §3.2, §3.3, §3.4)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from axon_factory.api.answers import json_response, version_etag
from axon_factory.api.authentication import require
from axon_factory.api.parameters import ListParameters
from axon_factory.api.services import Services
from axon_factory.domain.permissions import Action, Principal
from axon_factory.orders import views
from axon_factory.orders.read import events_after, list_orders, newest_events, read_order
from axon_factory.orders.result import result_of

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["órdenes"])


@router.get("")
async def list_all(
    query: ListParameters,
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.LIST_ORDERS))],
) -> Response:
    """Lista órdenes con filtros y paginación (§3.4)."""
    async with services.database.reading() as session:
        total, orders = await list_orders(session, query, principal)
    page = {
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
        "count": len(orders),
        "orders": [views.summary(order, principal) for order in orders],
    }
    return json_response(request, page)


@router.get("/{id}")
async def show(
    id: str,  # noqa: A002 — the design's name of the parameter
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_ORDER))],
) -> Response:
    """Consulta una orden por su id o su número (§3.2)."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        events = await newest_events(session, order, principal)
    document = views.detail(order, events, principal)
    return json_response(request, document, etag=version_etag(order.version))


@router.get("/{id}/logs")
async def show_logs(
    id: str,  # noqa: A002 — the design's name of the parameter
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_ORDER))],
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """Devuelve los eventos con secuencia mayor que `after`, en orden."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        events = await events_after(session, order, principal, after)
    entries = [views.log_entry(event, principal) for event in events]
    page = {"order_id": str(order.id), "count": len(entries), "logs": entries}
    return json_response(request, page)


@router.get("/{id}/result")
async def show_result(
    id: str,  # noqa: A002 — the design's name of the parameter
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_RESULT))],
) -> Response:
    """Devuelve el producto entregado, con las credenciales enmascaradas (§3.3)."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
    return json_response(request, result_of(order))
