"""Acts of people on an order, and the evidence that they decide by (resolutions 23, 28)."""

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from fastapi import APIRouter, Depends, Request, Response, status
from pydantic import Field

from axon_factory.api.answers import json_response, version_etag
from axon_factory.api.authentication import require
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.errors import (
    Conflict,
    OwnOrder,
    PlanOutdated,
    ReceiptRefused,
    TransitionRefused,
)
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.requests import RequestModel
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.acts import (
    CredentialsRotation,
    Decision,
    ErasedOrder,
    OrderCancellation,
    cancelled,
)
from axon_factory.orders.answers.evidence import (
    CheckReceipt,
    OrderEvidence,
    check_document,
    evidence_document,
)
from axon_factory.orders.answers.plans import EXAMPLE_HASH
from axon_factory.orders.answers.results import RevealedCredentials
from axon_factory.orders.credentials import (
    RotationInProgress,
    reveal_credentials,
    rotate_credentials,
)
from axon_factory.orders.erasure import erase_order, require_number
from axon_factory.orders.evidence import read_receipts
from axon_factory.orders.moves import cancel_order, retry_order
from axon_factory.orders.plans.decisions import PlanReference, approve_plan, reject_plan
from axon_factory.orders.read import read_order
from axon_factory.orders.requests import CheckReport, LongText
from axon_factory.orders.reviewing import accept_for_person, record_check

__all__ = ["Decide", "PlanRead", "Reason", "now", "router"]

router = APIRouter(route_class=Route, prefix="/api/orders", tags=["decisiones"])

Decide = Annotated[Write, Depends(write_as(Action.DECIDE_PLAN))]


class PlanRead(RequestModel):
    """The plan that the decider read: its version and hash."""

    plan_version: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="Versión del plan que se leyó (`plan_version` de la orden)."
    )
    plan_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="SHA-256 del plan que se leyó (`plan_hash` de la orden)."
    )

    @property
    def reference(self) -> PlanReference:
        """The plan that the decision is about."""
        return PlanReference(self.plan_version, self.plan_hash)


class Reason(RequestModel):
    """Por qué."""

    EXAMPLE: ClassVar = {"motivo": "El cliente desistió"}

    motivo: LongText = Field(description="Queda en el historial de la orden.")


class PlanApproval(PlanRead):
    """Aprobación del plan que se leyó."""

    EXAMPLE: ClassVar = {"plan_version": 1, "plan_hash": EXAMPLE_HASH}

    motivo: LongText | None = Field(
        default=None, description="Nota opcional; queda en el historial."
    )


class PlanRejection(PlanRead):
    """Rechazo del plan que se leyó."""

    EXAMPLE: ClassVar = {
        "plan_version": 1,
        "plan_hash": EXAMPLE_HASH,
        "motivo": "Falta Google Sheets",
    }

    motivo: LongText = Field(description="Por qué; el plan siguiente lo atiende.")


class CredentialRotation(RequestModel):
    """Qué credenciales se rotan."""

    EXAMPLE: ClassVar = {"nombres": ["api_key"]}

    nombres: (
        Annotated[
            list[Literal["admin_password_temporal", "api_key", "webhook_secret"]],
            Field(min_length=1, max_length=3),
        ]
        | None
    ) = Field(default=None, description="Cuáles; sin esta clave, todas.")


class OrderErasure(RequestModel):
    """Borrado de los datos personales de una orden."""

    EXAMPLE: ClassVar = {
        "motivo": "Solicitud del titular",
        "orden": "ORD-2025-001",
        "producto": True,
    }

    motivo: LongText = Field(description="Por qué; lo lee el equipo. No escribas datos personales.")
    orden: Annotated[str, Field(max_length=64)] = Field(
        description="El número de la orden, para confirmar."
    )
    producto: bool = Field(
        default=False,
        description="También el producto: se detiene y se borran sus datos y su código.",
    )


@router.post(
    "/{id}/approve",
    operation_id="approvePlan",
    summary="Aprobar el plan",
    responses=answers(Decision, etag=True),
)
@raises(TransitionRefused, PlanOutdated, OwnOrder)
async def approve(
    id: str,
    decision: PlanApproval,
    write: Decide,
) -> Response:
    """Aprueba el plan leído; la construcción empieza."""
    async with write.order("approve", id) as change:
        order = change.order
        await approve_plan(change, plan=decision.reference, note=decision.motivo or "")
        return write.decided(order, Sentence("Plan aprobado", "Plan approved"))


@router.post(
    "/{id}/reject",
    operation_id="rejectPlan",
    summary="Rechazar el plan",
    responses=answers(Decision, etag=True),
)
@raises(TransitionRefused, PlanOutdated)
async def reject(
    id: str,
    decision: PlanRejection,
    write: Decide,
) -> Response:
    """Rechaza el plan leído; se planifica de nuevo con el motivo."""
    async with write.order("reject", id) as change:
        order = change.order
        await reject_plan(change, plan=decision.reference, reason=decision.motivo)
        return write.decided(order, Sentence("Plan rechazado", "Plan rejected"))


@router.post(
    "/{id}/cancel",
    operation_id="cancelOrder",
    summary="Cancelar una orden con un motivo",
    responses=answers(OrderCancellation, etag=True),
)
@raises(TransitionRefused)
async def cancel(
    id: str,
    reason: Reason,
    write: Annotated[Write, Depends(write_as(Action.CANCEL_ORDER))],
) -> Response:
    """Cancela una orden en cualquier estado no terminal; se detiene lo que corre por ella."""
    async with write.order("cancel", id) as change:
        order = change.order
        before = await cancel_order(change, reason=reason.motivo)
        body = cancelled(order, before, OrderCancellation)
        etag = {"ETag": version_etag(order.version)}
        return write.answer(body, headers=etag, order_id=order.id)


@router.post(
    "/{id}/retry",
    operation_id="retryOrder",
    summary="Reintentar una orden fallida, o que espera a la máquina",
    responses=answers(Decision, etag=True),
)
@raises(TransitionRefused)
async def retry(
    id: str,
    write: Annotated[Write, Depends(write_as(Action.RETRY_ORDER))],
) -> Response:
    """Reintenta una orden fallida desde el paso que falló, como un nuevo intento.

    Si la orden espera a la máquina, prueba ahora el mismo paso, sin un nuevo intento.
    """
    async with write.order("retry", id) as change:
        order = change.order
        before = order.intento
        await retry_order(change)
        told = Sentence(
            f"Intento {order.intento} en marcha", f"Attempt {order.intento} is under way"
        )
        if order.intento == before:
            told = Sentence("El paso se prueba ahora", "The step is tried now")
        return write.decided(order, told)


@router.post(
    "/{id}/credentials/reveal",
    operation_id="revealCredentials",
    summary="Revelar las credenciales",
    responses=answers(RevealedCredentials),
)
@raises(Conflict, RotationInProgress)
async def reveal(
    id: str,
    write: Annotated[Write, Depends(write_as(Action.REVEAL_CREDENTIALS))],
) -> Response:
    """Muestra las credenciales una sola vez; queda registrado antes de responder.

    Después de una rotación muestra las nuevas; las que ya se mostraron van enmascaradas.
    """
    async with write.order("reveal", id) as change:
        order = change.order
        box = write.services.secret_box
        values = await reveal_credentials(change, box)
        body = RevealedCredentials.of(order, credentials=dict(values))
        return write.answer(body, order_id=order.id)


@router.post(
    "/{id}/credentials/rotate",
    operation_id="rotateCredentials",
    summary="Rotar las credenciales",
    responses=answers(CredentialsRotation, etag=True),
)
@raises(Conflict, RotationInProgress)
async def rotate(
    id: str,
    write: Annotated[Write, Depends(write_as(Action.ROTATE_CREDENTIALS))],
    rotation: CredentialRotation | None = None,
) -> Response:
    """Anula las credenciales y reinicia el producto con otras nuevas, sin perder sus datos.

    Las nuevas se revelan una vez, cuando el producto responde con ellas.
    """
    names = (rotation.nombres if rotation else None) or ()
    async with write.order("rotate_credentials", id) as change:
        order = change.order
        box = write.services.secret_box
        chosen = await rotate_credentials(change, names, box)
        told = Sentence(
            "El producto se reinicia con credenciales nuevas; en unos segundos se pueden revelar",
            "The product restarts with new credentials; they can be revealed in a few seconds",
        )
        return write.decided(order, told, CredentialsRotation, credenciales=list(chosen))


@router.post(
    "/{id}/erase",
    operation_id="eraseOrder",
    summary="Borrar los datos personales",
    responses=answers(ErasedOrder, etag=True),
)
@raises(Conflict, RotationInProgress)
async def erase(
    id: str,
    erasure: OrderErasure,
    write: Annotated[Write, Depends(write_as(Action.ERASE_ORDER))],
) -> Response:
    """Borra los datos personales de una orden terminada; número, precio y fechas quedan.

    No se puede deshacer. Con `producto` se borran también el producto, sus datos y su repositorio.
    """
    async with write.order("erase", id, erased=True) as change:
        order = change.order
        require_number(order, erasure.orden, "orden")
        done = await erase_order(change, reason=erasure.motivo, product=erasure.producto)
        facts = {**(done.facts if done else {}), "producto": erasure.producto}
        told = Sentence(
            f"Los datos personales de la orden {order.order_number} se borraron",
            f"The personal data of order {order.order_number} were erased",
        )
        return write.decided(order, told, ErasedOrder, facts=facts)


def now() -> datetime:
    """Return the time of a decision."""
    return datetime.now(UTC)


@router.get(
    "/{id}/checks",
    operation_id="getOrderEvidence",
    summary="Consultar la evidencia de una orden",
    responses=answers(OrderEvidence, etag=True),
)
async def show_evidence(
    id: str,
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
    id: str,
    report: CheckReport,
    write: Annotated[Write, Depends(write_as(Action.RECORD_CHECK))],
) -> Response:
    """Registra el resultado de una verificación; solo un token de rol `council`."""
    async with write.order("record_check", id) as change:
        order = change.order
        receipt = await record_check(change, report)
        return write.answer(check_document(receipt), status.HTTP_201_CREATED, order_id=order.id)


@router.post(
    "/{id}/accept",
    operation_id="acceptProduct",
    summary="Aceptar un producto sin la revisión",
    responses=answers(Decision, etag=True),
)
@raises(TransitionRefused)
async def accept(
    id: str,
    reason: Reason,
    write: Annotated[Write, Depends(write_as(Action.ACCEPT_PRODUCT))],
) -> Response:
    """Acepta el producto en 'qa' por decisión de una persona, con su motivo."""
    async with write.order("accept", id) as change:
        order = change.order
        await accept_for_person(change, reason=reason.motivo)
        told = Sentence(
            "Producto aceptado por una persona; queda registrado lo que faltaba",
            "The product was accepted by a person; what was missing is on record",
        )
        return write.decided(order, told)
