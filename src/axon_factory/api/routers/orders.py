"""The documented writes of an order (design §3.1, §3.5, §3.6). Thin: parse, authorise, call."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response, status
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.answers import version_etag
from axon_factory.api.writing import Answer, Write, write_as
from axon_factory.domain.permissions import Action
from axon_factory.orders import views
from axon_factory.orders.cancel import delete_order
from axon_factory.orders.create import create_order
from axon_factory.orders.locking import lock_order
from axon_factory.orders.requests import NewOrder, OrderPatch
from axon_factory.orders.update import patch_order

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["órdenes"])


@router.post("", status_code=status.HTTP_201_CREATED)
async def create(
    request: NewOrder, write: Annotated[Write, Depends(write_as(Action.CREATE_ORDER))]
) -> Response:
    """Crea una orden de autopilot (§3.1)."""

    async def work(session: AsyncSession) -> Answer:
        policy = write.services.policy
        order = await create_order(session, request, write.principal, policy, datetime.now(UTC))
        headers = {"Location": f"/api/orders/{order.id}", "ETag": version_etag(order.version)}
        return Answer(views.created(order), status.HTTP_201_CREATED, headers)

    return await write.once("create", work)


@router.patch("/{id}")
async def update(
    id: str,  # noqa: A002 — the design's name of the parameter
    patch: OrderPatch,
    write: Annotated[Write, Depends(write_as(Action.UPDATE_ORDER))],
) -> Response:
    """Actualiza estado, progreso y logs; uso interno (§3.5)."""

    async def work(session: AsyncSession) -> Answer:
        order = await lock_order(session, id, write.principal, if_version=write.if_match)
        policy = write.services.policy
        await patch_order(session, order, patch, write.principal, policy, datetime.now(UTC))
        return Answer(views.updated(order), headers={"ETag": version_etag(order.version)})

    return await write.once("patch", work)


@router.delete("/{id}")
async def delete(
    id: str,  # noqa: A002 — the design's name of the parameter
    write: Annotated[Write, Depends(write_as(Action.DELETE_ORDER))],
) -> Response:
    """Cancela una orden en 'nuevo' o 'planificacion' (§3.6)."""

    async def work(session: AsyncSession) -> Answer:
        order = await lock_order(session, id, write.principal, if_version=write.if_match)
        actor = write.principal.actor
        before = await delete_order(session, order, actor=actor, now=datetime.now(UTC))
        return Answer(views.cancelled(order, before))

    return await write.once("delete", work)
