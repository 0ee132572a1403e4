"""The evidence of an order: its receipts, those of a council, and a person's acceptance."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, status

from axon_factory.api.answers import json_response
from axon_factory.api.authentication import require
from axon_factory.api.documentation import answers, raises
from axon_factory.api.routers.decisions import Reason, now
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.errors import ReceiptRefused, TransitionRefused
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.sentences import Sentence
from axon_factory.orders.answers.acts import Decision
from axon_factory.orders.answers.evidence import (
    CheckReceipt,
    OrderEvidence,
    check_document,
    evidence_document,
)
from axon_factory.orders.evidence import read_receipts
from axon_factory.orders.read import read_order
from axon_factory.orders.requests import CheckReport
from axon_factory.orders.reviewing import record_check
from axon_factory.orders.rework import accept_for_person

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["decisiones"])


@router.get(
    "/{id}/checks",
    operation_id="getOrderEvidence",
    summary="Consultar la evidencia de una orden",
    responses=answers(OrderEvidence, etag=True),
)
async def show_evidence(
    id: str,  # noqa: A002 — the design's name of the parameter
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_EVIDENCE))],
) -> Response:
    """Muestra los recibos del intento actual, y lo que falta para darlo por revisado."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        receipts = await read_receipts(session, order)
    return json_response(request, evidence_document(order, receipts))


@router.post(
    "/{id}/checks",
    status_code=status.HTTP_201_CREATED,
    operation_id="recordCheck",
    summary="Registrar el recibo de una verificación",
    responses=answers(CheckReceipt, status.HTTP_201_CREATED),
)
@raises(ReceiptRefused)
async def record(
    id: str,  # noqa: A002 — the design's name of the parameter
    report: CheckReport,
    write: Annotated[Write, Depends(write_as(Action.RECORD_CHECK))],
) -> Response:
    """Registra el resultado de una verificación; solo un token de rol `council`."""
    async with write.order("record_check", id) as (session, order):
        receipt = await record_check(session, order, report, write.principal, now())
        return write.answer(check_document(receipt), status.HTTP_201_CREATED, order_id=order.id)


@router.post(
    "/{id}/accept",
    operation_id="acceptProduct",
    summary="Aceptar un producto sin la revisión",
    responses=answers(Decision, etag=True),
)
@raises(TransitionRefused)
async def accept(
    id: str,  # noqa: A002 — the design's name of the parameter
    reason: Reason,
    write: Annotated[Write, Depends(write_as(Action.ACCEPT_PRODUCT))],
) -> Response:
    """Acepta el producto en 'qa' por decisión de una persona, con su motivo."""
    async with write.order("accept", id) as (session, order):
        actor = write.principal.actor
        await accept_for_person(session, order, actor=actor, reason=reason.motivo, now=now())
        told = Sentence(
            "Producto aceptado por una persona; queda registrado lo que faltaba",
            "The product was accepted by a person; what was missing is on record",
        )
        return write.decided(order, told)
