"""The documented writes of an order (design §3.1, §3.5, §3.6), and one act on many orders."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response, status
from pydantic import Field, RootModel
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.answers import rendered, version_etag
from axon_factory.api.authentication import check
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import ApiServices
from axon_factory.api.writing import Write, write_as
from axon_factory.db.audit import append_audit
from axon_factory.domain.answers import AnswerModel, Count, Message, OrderNumber
from axon_factory.domain.audit import AuditEntry
from axon_factory.domain.errors import (
    Conflict,
    NotCancellable,
    OrderEnded,
    OwnOrder,
    TransitionRefused,
    ValidationFailed,
)
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence, in_english
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
from axon_factory.orders.answers.order import OrderSummary, summary
from axon_factory.orders.answers.shared import EXAMPLE_ID, EXAMPLE_NUMBER
from axon_factory.orders.bulk import (
    ACTIONS,
    BulkPreview,
    BulkResult,
    SelectionChanged,
    act_on_orders,
    preview_bulk,
)
from axon_factory.orders.bulk_requests import MOST_ORDERS, BulkAct, BulkRequest
from axon_factory.orders.correct import ConfigurationFixed
from axon_factory.orders.create import create_order, plan_request, preview_order
from axon_factory.orders.moves import delete_order
from axon_factory.orders.requests import NewOrder, OrderPatch
from axon_factory.orders.update import patch_order
from axon_factory.ports.errors import PortError

__all__ = ["BulkAnswer", "BulkCount", "router"]
Act = Annotated[
    Literal["cancel", "retry", "prioridad", "tag"], Field(description="Lo que se pidió.")
]


class BulkEntry(AnswerModel):
    """Lo que pasó con una orden."""

    referencia: str = Field(description="El id o número con el que se pidió.")
    id: UUID | None = Field(description="null si no hay tal orden.")
    order_number: OrderNumber | None = Field(description="null si no hay tal orden.")
    status: Literal["ok", "refused"] = Field(description="Hecho, o rechazado.")
    codigo: str | None = Field(description="Código del error que lo rechazó; null si se hizo.")
    message: Message
    estado: OrderState | None = Field(description="Estado en que queda.")
    version: int | None = Field(description="Versión en que queda; es su `ETag`.")


class BulkAnswer(AnswerModel):
    """Un resultado por orden; el rechazo de una no deshace las demás."""

    EXAMPLE: ClassVar = {
        "accion": "cancel",
        "preview": False,
        "total": 1,
        "aplicadas": 1,
        "rechazadas": 0,
        "results": [
            {
                "referencia": EXAMPLE_NUMBER,
                "id": EXAMPLE_ID,
                "order_number": EXAMPLE_NUMBER,
                "status": "ok",
                "codigo": None,
                "message": "Orden cancelada",
                "estado": "cancelado",
                "version": 3,
            }
        ],
    }

    accion: Act
    preview: Literal[False] = Field(description="Falso: se hizo.")
    total: Count = Field(description="Órdenes pedidas.")
    aplicadas: Count = Field(description="Órdenes en las que se hizo.")
    rechazadas: Count = Field(description="Órdenes en las que no.")
    results: list[BulkEntry] = Field(description="Uno por orden, como se pidieron.")


class BulkCount(AnswerModel):
    """Lo que el acto alcanzaría; no cambia nada."""

    accion: Act
    preview: Literal[True] = Field(description="Verdadero: solo se contó.")
    total: Count = Field(description="Órdenes que la selección tiene; es el `esperado`.")
    limite: Count = Field(description="Órdenes que un acto admite.")
    rechazadas: Count = Field(description="Órdenes cuyo estado no lo permite.")
    no_encontradas: Count = Field(description="Ids o números sin orden.")
    por_estado: dict[OrderState, int] = Field(description="Órdenes en cada estado.")
    muestra: list[OrderSummary] = Field(description="Las primeras.")


router = APIRouter(route_class=Route, prefix="/api/orders", tags=["ordenes"])


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
        order = await create_order(
            session, request, write.principal, write.services.policy, datetime.now(UTC)
        )
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
        preview = await preview_order(
            session, request, services.policy, outcome.plan, datetime.now(UTC)
        )
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
    id: str,
    patch: OrderPatch,
    write: Annotated[Write, Depends(write_as(Action.UPDATE_ORDER))],
) -> Response:
    """Actualiza estado, progreso y logs; uso interno (§3.5).

    El equipo corrige además `datos_cliente`, `nombre_producto` y `cliente_id`.
    """
    async with write.order("patch", id) as change:
        order = change.order
        await patch_order(change, patch, write.principal)
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
    id: str,
    write: Annotated[Write, Depends(write_as(Action.DELETE_ORDER))],
) -> Response:
    """Cancela una orden en 'nuevo' o 'planificacion' (§3.6)."""
    async with write.order("delete", id) as change:
        order = change.order
        before = await delete_order(change)
        return write.answer(cancelled(order, before), order_id=order.id)


class BulkReply(RootModel[BulkAnswer | BulkCount]):
    """Un resultado por orden, o la cuenta si se pidió `preview`."""

    EXAMPLE: ClassVar = BulkAnswer.EXAMPLE


@router.post(
    "/bulk",
    operation_id="actOnOrders",
    summary="Actuar sobre varias órdenes",
    responses=answers(BulkReply),
)
@raises(SelectionChanged)
async def act_on_many(
    request: BulkRequest,
    write: Annotated[Write, Depends(write_as(Action.BULK_ORDERS))],
) -> Response:
    """Cancela, reintenta, prioriza o etiqueta hasta 100 órdenes; responde por cada una.

    Con `filtro`, pide antes la vista previa (`preview`) y envía su `total` como `esperado`.
    """
    act, principal = request.root, write.principal
    check(principal, ACTIONS[act.accion])
    if write.if_match is not None:
        raise ValidationFailed(
            {"If-Match": Sentence("No se aplica a varias órdenes", "It is about a single order")}
        )
    if act.preview:
        async with write.services.database.reading() as session:
            preview = await preview_bulk(session, act, principal)
        return Response(rendered(_count(act, preview, principal)), media_type="application/json")
    async with write.transaction("bulk") as session:
        now = datetime.now(UTC)
        results = await act_on_orders(session, act, principal, write.services.policy, now)
        await _record(session, act, results, write)
        return write.answer(_report(act, results))


async def _record(
    session: AsyncSession, act: BulkAct, results: Sequence[BulkResult], write: Write
) -> None:
    """Put each order that was written on its own audit chain, as if it had been alone."""
    for result in results:
        if result.order is None or result.refusal is not None:
            continue
        await append_audit(
            session,
            AuditEntry.by(
                write.principal,
                ACTIONS[act.accion],
                chain=str(result.order.id),
                address=write.origin.address,
                request_id=write.origin.request_id,
                details={"unidad": "bulk"},
            ),
        )


def _report(act: BulkAct, results: Sequence[BulkResult]) -> dict[str, Any]:
    refused = sum(result.refusal is not None for result in results)
    return {
        "accion": act.accion,
        "preview": False,
        "total": len(results),
        "aplicadas": len(results) - refused,
        "rechazadas": refused,
        "results": [_entry(result) for result in results],
    }


def _entry(result: BulkResult) -> dict[str, Any]:
    order = result.order
    return {
        "referencia": result.reference,
        "id": str(order.id) if order else None,
        "order_number": order.order_number if order else None,
        "status": "refused" if result.refusal else "ok",
        "codigo": result.refusal.codigo if result.refusal else None,
        "message": result.message,
        "estado": order.estado if order else None,
        "version": order.version if order else None,
    }


def _count(act: BulkAct, preview: BulkPreview, principal: Principal) -> dict[str, Any]:
    return {
        "accion": act.accion,
        "preview": True,
        "total": sum(preview.states.values()),
        "limite": MOST_ORDERS,
        "rechazadas": preview.refused,
        "no_encontradas": preview.not_found,
        "por_estado": preview.states,
        "muestra": [summary(order, principal) for order in preview.sample],
    }
