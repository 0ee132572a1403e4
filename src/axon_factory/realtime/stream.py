"""Follow one order as server-sent events, resuming where the reader left off (HTML §9.2)."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse

from axon_factory.db.sessions import Database
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import TERMINAL_STATES
from axon_factory.orders.read import NEWEST_EVENTS, events_after, read_order
from axon_factory.orders.views import log_entry
from axon_factory.realtime.signals import OrderSignals

__all__ = ["stream_router"]

_HEARTBEAT_SECONDS = 10.0
_KEEP_ALIVE = ": sigue en marcha\n\n"

Guard = Callable[..., Awaitable[Principal]]


def stream_router(database: Database, signals: OrderSignals, guard: Guard) -> APIRouter:
    """Return the route; `guard` is the dependency that authenticates and authorises a reader."""
    router = APIRouter(prefix="/api/orders", tags=["órdenes"])

    @router.get("/{id}/stream")
    async def stream(  # pyright: ignore[reportUnusedFunction] — registered
        id: str,  # noqa: A002 — the design's name of the parameter
        principal: Annotated[Principal, Depends(guard)],
        last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,9}$")] = None,
    ) -> StreamingResponse:
        """Sigue una orden en vivo: un evento por entrada de su historial, hasta que termina."""
        async with database.reading() as session:
            await read_order(session, id, principal)  # a 404 before the stream begins
        frames = _frames(database, signals, id, principal, int(last_event_id or 0))
        return StreamingResponse(frames, media_type="text/event-stream")

    return router


async def _frames(
    database: Database, signals: OrderSignals, reference: str, principal: Principal, after: int
) -> AsyncGenerator[str]:
    while not signals.closed:
        async with database.reading() as session:
            order = await read_order(session, reference, principal)
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
        await signals.wait(str(order.id), _HEARTBEAT_SECONDS)


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
