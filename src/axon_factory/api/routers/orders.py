"""The documented writes of an order (design §3.1, §3.5, §3.6). Thin: parse, authorise, call."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status

from axon_factory.api.answers import rendered, version_etag
from axon_factory.api.documentation import answers, raises
from axon_factory.api.services import ApiServices
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.errors import (
    Conflict,
    NotCancellable,
    OrderEnded,
    OwnOrder,
    TransitionRefused,
    ValidationFailed,
)
from axon_factory.domain.permissions import Action
from axon_factory.domain.sentences import Sentence, in_english
from axon_factory.orders.answers.acts import (
    OrderCancelled,
    OrderCreated,
    OrderPreview,
    OrderUpdated,
    cancelled,
    created,
    previewed,
    updated,
)
from axon_factory.orders.cancel import delete_order
from axon_factory.orders.correct import ConfigurationFixed
from axon_factory.orders.create import create_order
from axon_factory.orders.preview import plan_request, preview_order
from axon_factory.orders.requests import NewOrder, OrderPatch
from axon_factory.orders.update import patch_order
from axon_factory.ports.errors import PortError

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["ordenes"])


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    operation_id="createOrder",
    summary="Crear una orden",
    responses=answers(OrderPreview) | answers(OrderCreated, status.HTTP_201_CREATED, etag=True),
)
async def create(
    request: NewOrder,
    write: Annotated[Write, Depends(write_as(Action.CREATE_ORDER))],
    *,
    dry_run: Annotated[
        bool,
        Query(description="Valida, planifica y estima sin guardar nada; responde 200"),
    ] = False,
) -> Response:
    """Crea una orden de autopilot (§3.1).

    Con `?dry_run=true` valida, planifica y estima sin guardar nada, y responde 200 con
    `OrderPreview`.
    """
    if dry_run:
        # Nothing is written, so there is nothing that a key could keep from happening twice.
        return await _preview(request, write.services, english=write.english)
    async with write.transaction("create") as session:
        policy = write.services.policy
        order = await create_order(session, request, write.principal, policy, datetime.now(UTC))
        headers = {"Location": f"/api/orders/{order.id}", "ETag": version_etag(order.version)}
        return write.answer(created(order), status.HTTP_201_CREATED, headers, order.id)


async def _preview(request: NewOrder, services: ApiServices, *, english: bool) -> Response:
    try:
        outcome = await services.planner.make_plan(plan_request(request), idempotency_key="")
    except PortError as error:
        raise ValidationFailed(
            {"tipo_producto": Sentence(str(error), "The catalogue cannot plan this product")}
        ) from None
    if outcome.plan is None:
        raise TypeError("the catalogue plans without a budget")
    async with services.database.reading() as session:
        preview = await preview_order(session, request, services.policy, outcome.plan)
    body = previewed(preview)
    content = rendered(in_english(body) if english else body)
    return Response(content, media_type="application/json")


@router.patch(
    "/{id}",
    operation_id="updateOrder",
    summary="Actualizar una orden",
    responses=answers(OrderUpdated, etag=True),
)
@raises(TransitionRefused, OrderEnded, Conflict, ConfigurationFixed, OwnOrder)
async def update(
    id: str,  # noqa: A002 — the design's name of the parameter
    patch: OrderPatch,
    write: Annotated[Write, Depends(write_as(Action.UPDATE_ORDER))],
) -> Response:
    """Actualiza estado, progreso y logs; uso interno (§3.5).

    El equipo corrige además `datos_cliente`, `nombre_producto` y `cliente_id`.
    """
    async with write.order("patch", id) as (session, order):
        policy = write.services.policy
        await patch_order(session, order, patch, write.principal, policy, datetime.now(UTC))
        headers = {"ETag": version_etag(order.version)}
        return write.answer(updated(order, write.principal), headers=headers, order_id=order.id)


@router.delete(
    "/{id}",
    operation_id="deleteOrder",
    summary="Cancelar una orden temprana",
    responses=answers(OrderCancelled),
)
@raises(NotCancellable)
async def delete(
    id: str,  # noqa: A002 — the design's name of the parameter
    write: Annotated[Write, Depends(write_as(Action.DELETE_ORDER))],
) -> Response:
    """Cancela una orden en 'nuevo' o 'planificacion' (§3.6)."""
    async with write.order("delete", id) as (session, order):
        actor, policy = write.principal.actor, write.services.policy
        before = await delete_order(
            session, order, actor=actor, policy=policy, now=datetime.now(UTC)
        )
        return write.answer(cancelled(order, before), order_id=order.id)
