"""Follow one order as server-sent events, resuming where the reader left off (HTML §9.2)."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Header, Request, Response, status
from fastapi.responses import StreamingResponse

from axon_factory.db.sessions import Database
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import TERMINAL_STATES
from axon_factory.orders.answers.events import log_entry
from axon_factory.orders.read import NEWEST_EVENTS, events_after, read_order
from axon_factory.realtime.signals import OrderSignals

_HEARTBEAT_SECONDS = 10.0
_KEEP_ALIVE = ": sigue en marcha\n\n"

_ANSWERS: dict[int | str, dict[str, Any]] = {
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


class Guard(Protocol):
    """The dependency that authenticates and authorises a reader, when they come and again later."""

    async def __call__(self, request: Request, principal: Principal) -> Principal:
        """Return who is reading, or raise."""
        ...

    async def still_holds(self, request: Request) -> bool:
        """Return whether the request's credential would be let in now."""
        ...


class EventStream(StreamingResponse):
    """An answer that goes on for as long as there is news."""

    media_type = "text/event-stream"


def stream_router(database: Database, signals: OrderSignals, guard: Guard) -> APIRouter:
    """Return the route. `guard` decides who may read."""
    router = APIRouter(prefix="/api/orders", tags=["ordenes"])

    @router.get(
        "/{id}/stream",
        operation_id="streamOrder",
        summary="Seguir una orden en vivo",
        response_class=EventStream,
        responses=_ANSWERS,
    )
    async def stream(  # pyright: ignore[reportUnusedFunction] — registered
        id: str,
        request: Request,
        principal: Annotated[Principal, Depends(guard)],
        last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,9}$")] = None,
    ) -> Response:
        """Sigue una orden en vivo: un evento por entrada de su historial, hasta que termina.

        Quien vuelve con `Last-Event-ID` cuando la orden terminó y ya lo recibió todo, recibe 204.
        """
        after = int(last_event_id or 0)
        async with database.reading() as session:
            order = await read_order(session, id, principal)  # a 404 before the stream begins
            comes_back = last_event_id is not None and order.estado in TERMINAL_STATES
            if comes_back and not await events_after(session, order, principal, after, 1):
                # EventSource would come back every three seconds for ever, to nothing.
                return Response(status_code=status.HTTP_204_NO_CONTENT)
        reader = _Reader(principal, lambda: guard.still_holds(request))
        return EventStream(_frames(database, signals, str(order.id), reader, after))

    return router


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads, and whether they still may: a revoked credential reads no further."""

    principal: Principal
    still_may: Callable[[], Awaitable[bool]]


async def _frames(
    database: Database, signals: OrderSignals, order_id: str, reader: _Reader, after: int
) -> AsyncGenerator[str]:
    principal = reader.principal
    # Watched before it is read: what is written in between must not wait for the next heartbeat.
    with signals.watch(order_id) as news:
        while not signals.closed and await reader.still_may():
            news.look()
            async with database.reading() as session:
                order = await read_order(session, order_id, principal)
                events = await events_after(session, order, principal, after)
            for event in events:
                after = event.seq
                yield _frame(order, event, principal)
            if len(events) == NEWEST_EVENTS:
                continue
            if order.estado in TERMINAL_STATES:
                return
            if not events:
                yield _KEEP_ALIVE
            await news.wait(_HEARTBEAT_SECONDS)


def _frame(order: Order, event: OrderEvent, principal: Principal) -> str:
    document: dict[str, Any] = {
        "type": "order_update",
        "order_id": str(order.id),
        "estado": order.estado,
        "progreso": order.progreso,
        "last_log": log_entry(event, principal),
    }
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.seq}\nevent: order_update\ndata: {data}\n\n"
