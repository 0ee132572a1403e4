"""The documented reads of orders: one, its log, its product, lists in JSON, CSV (§3.2 to §3.4)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from axon_factory.api.answers import json_response, prefers, prefers_english, version_etag
from axon_factory.api.authentication import require
from axon_factory.api.list_parameters import (
    CSV,
    RequestedDialect,
    RequestedFields,
    RequestedList,
    unknown_field,
)
from axon_factory.api.routers.events import After, PageSize
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import ApiServices, Services
from axon_factory.domain.errors import ResultNotReady, Unavailable
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.text import in_english
from axon_factory.orders.answers.events import LogPage, log_entry
from axon_factory.orders.answers.order import detail
from axon_factory.orders.answers.results import OrderResult
from axon_factory.orders.evidence import read_receipts
from axon_factory.orders.lists.export import Dialect, export_orders
from axon_factory.orders.lists.fields import OrderPage, OrderReply
from axon_factory.orders.lists.page import Page, list_orders
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.read import (
    NEWEST_EVENTS,
    events_after,
    newest_events,
    read_order,
)
from axon_factory.orders.result import result_of
from axon_factory.orders.runs.capacity import place_in_queue

__all__ = ["list_links", "router"]

router = APIRouter(route_class=Route, prefix="/api/orders", tags=["ordenes"])


@router.get(
    "/{id}",
    operation_id="getOrder",
    summary="Consultar una orden",
    responses=answers(OrderReply, etag=True),
)
async def show(
    id: str,
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
    id: str,
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
    id: str,
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_RESULT))],
) -> Response:
    """Devuelve el producto entregado, con las credenciales enmascaradas (§3.3)."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        document = await result_of(session, order, services.policy, datetime.now(UTC))
    return json_response(request, document)


_CSV_ANSWER = {
    CSV: {
        "schema": {"type": "string"},
        "example": "id,order_number,estado\r\n"
        "550e8400-e29b-41d4-a716-446655440000,ORD-2025-001,construccion\r\n",
    }
}


class _ExportSlots:
    """Keeps those who read their export slowly from taking every database connection."""

    def __init__(self, most: int) -> None:
        self._free = most

    def __enter__(self) -> None:
        if not self._free:
            raise Unavailable(
                "Hay otras exportaciones en curso; intenta de nuevo en unos segundos",
                message_en="Other exports are under way; try again in a few seconds",
            )
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


_export_slots = _ExportSlots(2)


@router.get(
    "",
    operation_id="listOrders",
    summary="Listar órdenes",
    responses=answers(OrderPage, etag=True, headers=["Link"], media=_CSV_ANSWER),
)
async def list_all(
    query: RequestedList,
    dialect: RequestedDialect,
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.LIST_ORDERS))],
) -> Response:
    """Lista órdenes con filtros y paginación (§3.4).

    Con `Accept: text/csv` responde la lista entera, no solo una página.
    """
    if prefers(request.headers.get("accept", ""), CSV, over="application/json"):
        return await _exported(query, dialect, services, principal)
    async with services.database.reading() as session:
        page = await list_orders(session, query, principal)
    document = {
        "total": page.total,
        "limit": query.limit,
        "offset": query.offset,
        "count": len(page.orders),
        "orders": page.orders,
        "next": page.next,
        "prev": page.prev,
    }
    links = list_links(request.url.path, request.url.query, page)
    headers = {"Link": links, "Vary": "Accept"}
    return json_response(request, document, headers=headers)


async def _exported(
    query: ListQuery, dialect: Dialect, services: ApiServices, principal: Principal
) -> Response:
    lines = _lines(query, dialect, services, principal)
    # What fails at once is still an error's answer; later on, the answer can only break off.
    header = await anext(lines)

    async def body() -> AsyncGenerator[bytes]:
        async with aclosing(lines):
            yield header
            async for chunk in lines:
                yield chunk

    name = f"ordenes-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Vary": "Accept"}
    return StreamingResponse(
        body(), media_type=f"{CSV}; charset=utf-8; header=present", headers=headers
    )


async def _lines(
    query: ListQuery, dialect: Dialect, services: ApiServices, principal: Principal
) -> AsyncGenerator[bytes]:
    with _export_slots:
        async with (
            services.database.reading() as session,
            aclosing(export_orders(session, query, principal, dialect)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk


def list_links(path: str, query: str, page: Page) -> str:
    """Return the pages around this one (RFC 8288), relative to the host that was asked."""
    given = parse_qsl(query, keep_blank_values=True)
    kept = [(name, value) for name, value in given if name not in {"cursor", "offset"}]
    links = {"first": None, "next": page.next, "prev": page.prev}
    targets = {
        relation: urlencode([*kept, ("cursor", cursor)] if cursor else kept)
        for relation, cursor in links.items()
        if cursor or relation == "first"
    }
    return ", ".join(
        f'<{path}?{target}>; rel="{relation}"' if target else f'<{path}>; rel="{relation}"'
        for relation, target in targets.items()
    )
