"""Server-sent events: one order (HTML §9.2), or all that filters let through.

Both are told by the process's fan-out, as WebSockets are, and resume where the reader left off.
"""

from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Header, Query, Request, Response, status
from fastapi.responses import StreamingResponse

from axon_factory.db.principals import Presented
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import TERMINAL_STATES
from axon_factory.orders.news import read_news_of
from axon_factory.realtime.credentials import Admission
from axon_factory.realtime.filters import OrderFilters
from axon_factory.realtime.messages import EXAMPLE_CURSOR
from axon_factory.realtime.reading import FeedReading, OrderReading
from axon_factory.realtime.services import StreamServices

__all__ = ["Guard", "stream_router"]

_ONE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Un evento `order_update` por entrada del historial; su `id` es el `seq`.",
        "content": {
            "text/event-stream": {
                "example": "id: 3\nevent: order_update\n"
                'data: {"type":"order_update","estado":"construccion","progreso":45}\n\n'
            }
        },
    },
    204: {
        "description": "La orden terminó y ya se recibió todo: con `Last-Event-ID`, un "
        "`EventSource` deja de volver a conectarse."
    },
}
_ALL: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Un evento `order_update` por cada cosa que ocurre en esas órdenes; su `id` "
        "es el cursor con el que se continúa. `resync`: lee la lista otra vez, hubo más cambios de "
        "los que se repiten.",
        "content": {
            "text/event-stream": {
                "example": f"id: {EXAMPLE_CURSOR}\nevent: order_update\n"
                'data: {"type":"order_update","estado":"construccion","progreso":45}\n\n'
            }
        },
    }
}


class Guard(Protocol):
    """The dependency that authenticates and authorises a reader, when they come and again later."""

    async def __call__(self, request: Request, principal: Principal) -> Principal:
        """Return who is reading, or raise."""
        ...

    def presented(self, request: Request) -> Presented | None:
        """Return the request's credential as its row is looked for, if it has one."""
        ...

    async def still_holds(self, request: Request) -> bool:
        """Return whether the request's credential would be let in now."""
        ...


class EventStream(StreamingResponse):
    """An answer that goes on for as long as there is news."""

    media_type = "text/event-stream"


def stream_router(services: StreamServices, one: Guard, several: Guard) -> APIRouter:
    """Return the routes. The guards decide who may read one order, and the feed of several."""
    router = APIRouter(prefix="/api/orders", tags=["ordenes"])

    @router.get(
        "/stream",
        operation_id="streamOrders",
        summary="Seguir varias órdenes en vivo",
        response_class=EventStream,
        responses=_ALL,
    )
    async def stream_orders(  # pyright: ignore[reportUnusedFunction] — registered
        request: Request,
        principal: Annotated[Principal, Depends(several)],
        filters: Annotated[OrderFilters, Query()],
        last_event_id: Annotated[
            str | None, Header(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
        ] = None,
    ) -> Response:
        """Sigue en vivo las órdenes que cumplen todos los filtros; un cliente, las suyas.

        Sin `Last-Event-ID` empieza ahora; con él, donde se quedó.
        """
        admission = _admission(several, request, principal)
        return EventStream(FeedReading(services, admission, filters, last_event_id).frames())

    @router.get(
        "/{id}/stream",
        operation_id="streamOrder",
        summary="Seguir una orden en vivo",
        response_class=EventStream,
        responses=_ONE,
    )
    async def stream(  # pyright: ignore[reportUnusedFunction] — registered
        id: str,
        request: Request,
        principal: Annotated[Principal, Depends(one)],
        last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,9}$")] = None,
    ) -> Response:
        """Sigue una orden en vivo: un evento por entrada de su historial, hasta que termina.

        Quien vuelve con `Last-Event-ID` cuando la orden terminó y ya lo recibió todo, recibe 204.
        """
        after = int(last_event_id or 0)
        order_id = await services.lookups.order_id(id, principal)
        order = await services.lookups.find(order_id, principal)  # a 404 before the stream begins
        if last_event_id is not None and order.estado in TERMINAL_STATES:
            async with services.database.raw() as connection:
                rest = await read_news_of(connection, order.id, principal, after)
            if not rest:
                # EventSource would come back every three seconds for ever, to nothing.
                return Response(status_code=status.HTTP_204_NO_CONTENT)
        admission = _admission(one, request, principal)
        return EventStream(OrderReading(services, admission, order.id, after).frames())

    return router


def _admission(guard: Guard, request: Request, principal: Principal) -> Admission:
    presented = guard.presented(request)
    if presented is not None:
        return Admission(principal, presented)
    return Admission(principal, check=lambda: guard.still_holds(request))
