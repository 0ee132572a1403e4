"""The documented order endpoints (design §3). Thin: parse, authorise, call, render."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response, status

from axon_factory.api.authentication import require
from axon_factory.api.parameters import IfMatch, ListParameters, etag
from axon_factory.api.services import Services
from axon_factory.domain.permissions import Action, Principal
from axon_factory.orders import views
from axon_factory.orders.cancel import delete_order
from axon_factory.orders.create import create_order
from axon_factory.orders.locking import lock_order
from axon_factory.orders.read import events_after, list_orders, newest_events, read_order
from axon_factory.orders.requests import NewOrder, OrderPatch
from axon_factory.orders.result import result_of
from axon_factory.orders.update import patch_order

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["órdenes"])


def _now() -> datetime:
    return datetime.now(UTC)


@router.post("", status_code=status.HTTP_201_CREATED)
async def create(
    request: NewOrder,
    response: Response,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.CREATE_ORDER))],
) -> dict[str, Any]:
    """Crea una orden de autopilot (§3.1)."""
    async with services.database.transaction("create") as session:
        order = await create_order(session, request, principal, services.policy, _now())
    response.headers["Location"] = f"/api/orders/{order.id}"
    response.headers["ETag"] = etag(order.version)
    return views.created(order)


@router.get("")
async def list_all(
    query: ListParameters,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.LIST_ORDERS))],
) -> dict[str, Any]:
    """Lista órdenes con filtros y paginación (§3.4)."""
    async with services.database.reading() as session:
        total, orders = await list_orders(session, query, principal)
    return {
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
        "count": len(orders),
        "orders": [views.summary(order) for order in orders],
    }


@router.get("/{id}")
async def show(
    id: str,  # noqa: A002 — the design's name of the parameter
    response: Response,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_ORDER))],
) -> dict[str, Any]:
    """Consulta una orden por su id o su número (§3.2)."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        events = await newest_events(session, order, principal)
    response.headers["ETag"] = etag(order.version)
    return views.detail(order, events, principal)


@router.get("/{id}/logs")
async def show_logs(
    id: str,  # noqa: A002 — the design's name of the parameter
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_ORDER))],
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> dict[str, Any]:
    """Devuelve los eventos con secuencia mayor que `after`, en orden."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        events = await events_after(session, order, principal, after)
    entries = [views.log_entry(event) for event in events]
    return {"order_id": str(order.id), "count": len(entries), "logs": entries}


@router.get("/{id}/result")
async def show_result(
    id: str,  # noqa: A002 — the design's name of the parameter
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_RESULT))],
) -> dict[str, Any]:
    """Devuelve el producto entregado, con las credenciales enmascaradas (§3.3)."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
    return result_of(order)


@router.patch("/{id}")
async def update(
    id: str,  # noqa: A002 — the design's name of the parameter
    patch: OrderPatch,
    response: Response,
    services: Services,
    if_match: IfMatch,
    principal: Annotated[Principal, Depends(require(Action.UPDATE_ORDER))],
) -> dict[str, Any]:
    """Actualiza estado, progreso y logs; uso interno (§3.5)."""
    async with services.database.transaction("patch") as session:
        order = await lock_order(session, id, principal, if_version=if_match)
        await patch_order(session, order, patch, principal, services.policy, _now())
    response.headers["ETag"] = etag(order.version)
    return views.updated(order)


@router.delete("/{id}")
async def delete(
    id: str,  # noqa: A002 — the design's name of the parameter
    services: Services,
    if_match: IfMatch,
    principal: Annotated[Principal, Depends(require(Action.CANCEL_ORDER))],
) -> dict[str, Any]:
    """Cancela una orden en 'nuevo' o 'planificacion' (§3.6)."""
    async with services.database.transaction("delete") as session:
        order = await lock_order(session, id, principal, if_version=if_match)
        before = await delete_order(session, order, actor=principal.actor, now=_now())
    return {
        "message": f"Orden {order.order_number} cancelada exitosamente",
        "order_id": str(order.id),
        "estado_anterior": before.value,
        "estado_nuevo": order.estado,
    }
