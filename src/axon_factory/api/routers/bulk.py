"""One act on many orders: counted first if wanted, then done with one result per order."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Depends, Response
from pydantic import RootModel
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.answers import rendered
from axon_factory.api.authentication import check
from axon_factory.api.documentation import answers, raises
from axon_factory.api.schemas.bulk import BulkAnswer, BulkCount
from axon_factory.api.writing import Write, write_as
from axon_factory.db.audit import append_audit
from axon_factory.domain.audit import AuditEntry
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.sentences import Sentence
from axon_factory.orders.answers.order import summary
from axon_factory.orders.bulk import (
    ACTIONS,
    BulkPreview,
    BulkResult,
    SelectionChanged,
    act_on_orders,
    preview_bulk,
)
from axon_factory.orders.bulk_requests import MOST_ORDERS, BulkAct, BulkRequest

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["ordenes"])


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
