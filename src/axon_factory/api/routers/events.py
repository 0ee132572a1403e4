"""What has happened: to one order, and to all orders in commit order, as CloudEvents 1.0."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from axon_factory.api.answers import json_response, prefers
from axon_factory.api.authentication import require
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import ApiServices, Services
from axon_factory.domain.errors import AuthenticationRequired, OrderNotFound
from axon_factory.domain.events import EventKind
from axon_factory.domain.permissions import Action, Principal
from axon_factory.orders.answers.events import (
    EVENT_BATCH,
    AccountEventPage,
    EventPage,
    History,
    cloud_event,
    events_page,
    history_document,
)
from axon_factory.orders.feed import (
    MOST_ENTRIES,
    FeedPage,
    FeedQuery,
    newest_cursor,
    read_feed,
)
from axon_factory.orders.history import read_stages
from axon_factory.orders.read import NEWEST_EVENTS, events_after, read_order
from axon_factory.orders.requests.values import ClientId

__all__ = ["After", "PageSize", "order_router", "router"]

router = APIRouter(route_class=Route, prefix="/api/events", tags=["ordenes"])

_BATCH = "application/cloudevents-batch+json"
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_NOW = "ahora"
_MOST_FILTERS = 50
_LONGEST_WAIT = 30
_LOOK_AGAIN_SECONDS = 5.0
"""Notifications can be lost with their connection: whoever waits looks again after this."""
_MOST_WAITING = 100
"""How many may wait in one process; the next ones are answered at once, as without `wait`."""

_guard = require(Action.READ_FEED)


class _Waiting:
    """Counts who waits in this process: each of them reads the database when it is woken."""

    def __init__(self, most: int) -> None:
        self._free = most

    @property
    def is_full(self) -> bool:
        return self._free <= 0

    def __enter__(self) -> None:
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


_waiting = _Waiting(_MOST_WAITING)


def _without_prefix(kind: Any) -> Any:  # noqa: ANN401 — whatever the query string had
    return kind.removeprefix("axon.") if isinstance(kind, str) else kind


class EventFilters(BaseModel):
    """Which events: all filters must be met."""

    model_config = ConfigDict(extra="ignore")

    after: str | None = Field(
        None,
        max_length=64,
        pattern=_PRINTABLE,
        description="`next_after` de la respuesta anterior. Sin él, desde el primer evento; "
        f"`{_NOW}`: solo lo que venga.",
    )
    tipo: list[Annotated[EventKind, BeforeValidator(_without_prefix)]] = Field(
        default_factory=list[EventKind],
        max_length=_MOST_FILTERS,
        description="Solo estos tipos, con o sin `axon.`; se repite para varios.",
    )
    orden: str | None = Field(
        None, max_length=64, pattern=_PRINTABLE, description="Solo esta orden: id o número."
    )
    cliente_id: list[ClientId] = Field(
        default_factory=list[str],
        max_length=_MOST_FILTERS,
        description="Solo las órdenes de estos clientes; se repite para varios.",
    )
    limit: int = Field(
        MOST_ENTRIES, ge=1, le=MOST_ENTRIES, description="Cuántos eventos como máximo."
    )
    wait: int = Field(
        0,
        ge=0,
        le=_LONGEST_WAIT,
        description="Segundos que la respuesta puede esperar a que ocurra algo.",
    )


@router.get(
    "",
    operation_id="listEvents",
    summary="Consultar los eventos de todas las órdenes",
    responses=answers(AccountEventPage, etag=True, headers=["Link"], media={_BATCH: EVENT_BATCH}),
)
@raises(OrderNotFound)
async def list_all(
    filters: Annotated[EventFilters, Query()],
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(_guard)],
) -> Response:
    """Devuelve lo que ocurre a todas las órdenes que quien pregunta puede leer.

    Van en el orden en que se guardaron, sin saltar ni repetir ninguno: vuelve a preguntar con
    `next_after`. Con `wait` la respuesta espera a que haya algo. Con
    `Accept: application/cloudevents-batch+json`, la lista sola; `Link` dice dónde continúa.
    """
    query = await _query(filters, services, principal)
    page = await _waited(query, filters.wait, request, services, principal)
    events = [cloud_event(one.order_number, one.event, principal) for one in page.entries]
    headers = {"Vary": "Accept", "Link": f'<{_following(filters, page.cursor)}>; rel="next"'}
    if prefers(request.headers.get("accept", ""), _BATCH, over="application/json"):
        return json_response(request, events, headers=headers, media_type=_BATCH)
    document = {
        "count": len(events),
        "next_after": page.cursor,
        "hay_mas": page.more,
        "events": events,
    }
    return json_response(request, document, headers=headers)


async def _query(filters: EventFilters, services: ApiServices, principal: Principal) -> FeedQuery:
    async with services.database.reading() as session:
        order = await read_order(session, filters.orden, principal) if filters.orden else None
        after = await newest_cursor(session) if filters.after == _NOW else filters.after
    return FeedQuery(
        after=after,
        kinds=filters.tipo,
        order_id=None if order is None else order.id,
        client_ids=filters.cliente_id,
        limit=filters.limit,
    )


async def _waited(
    query: FeedQuery, seconds: int, request: Request, services: ApiServices, principal: Principal
) -> FeedPage:
    """Return what follows, as soon as there is something, after `seconds` at the latest."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + (0 if _waiting.is_full else seconds)
    # Watched before it is read: what is committed in between wakes.
    with _waiting, services.watch_orders() as news:
        while True:
            news.look()
            async with services.database.reading() as session:
                page = await read_feed(session, query, principal)
            left = deadline - clock()
            if page.entries or page.more or left <= 0 or news.over:
                return page
            query = replace(query, after=page.cursor)
            await news.wait(min(left, _LOOK_AGAIN_SECONDS))
            if not await _guard.still_holds(request):
                raise AuthenticationRequired


def _following(filters: EventFilters, cursor: str | None) -> str:
    """Return where the feed goes on, relative to the host that was asked."""
    asked = filters.model_dump(exclude_defaults=True, exclude={"after"}, mode="json")
    parameters = asked | ({} if cursor is None else {"after": cursor})
    target = urlencode(parameters, doseq=True)
    return f"/api/events?{target}" if target else "/api/events"


order_router = APIRouter(route_class=Route, prefix="/api/orders", tags=["ordenes"])


After = Annotated[
    int, Query(ge=0, le=2**31 - 1, description="Solo lo posterior a esta secuencia, sin incluirla")
]
PageSize = Annotated[int, Query(ge=1, le=NEWEST_EVENTS, description="Cuántos como máximo")]


@order_router.get(
    "/{id}/history",
    operation_id="getOrderHistory",
    summary="Consultar las etapas de una orden",
    responses=answers(History, etag=True),
)
async def show_history(
    id: str,
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_ORDER))],
) -> Response:
    """Devuelve las etapas de la orden con sus tiempos, por intento."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        stages = await read_stages(session, order, principal, datetime.now(UTC))
    return json_response(request, history_document(order, stages))


@order_router.get(
    "/{id}/events",
    operation_id="listOrderEvents",
    summary="Consultar los eventos de una orden",
    responses=answers(EventPage, etag=True, headers=["Link"], media={_BATCH: EVENT_BATCH}),
)
async def show_events(
    id: str,
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
    page, headers = events_page(
        order.id, order.order_number, found, principal, after=after, limit=limit
    )
    if _BATCH in request.headers.get("accept", ""):
        return json_response(request, page["events"], headers=headers, media_type=_BATCH)
    return json_response(request, page, headers=headers)
