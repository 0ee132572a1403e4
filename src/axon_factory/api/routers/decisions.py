"""Acts of people on an order: approve, reject, cancel, retry, reveal (resolutions 23, 28)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.decisions import Decide, PlanRead, decided, locked, now
from axon_factory.api.documentation import answers, raises
from axon_factory.api.schemas.orders import Decision, OrderCancellation
from axon_factory.api.schemas.results import RevealedCredentials
from axon_factory.api.writing import Answer, Write, write_as
from axon_factory.domain.errors import Conflict, OwnOrder, PlanOutdated, TransitionRefused
from axon_factory.domain.permissions import Action
from axon_factory.domain.sentences import Sentence
from axon_factory.orders import views
from axon_factory.orders.approval import approve_plan, reject_plan
from axon_factory.orders.cancel import cancel_order
from axon_factory.orders.credentials import mark_revealed, open_credentials
from axon_factory.orders.requests import LongText
from axon_factory.orders.retry import retry_order

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["decisiones"])


class PlanApproval(PlanRead):
    """An approval may carry a note."""

    motivo: LongText | None = None


class PlanRejection(PlanRead):
    """A rejection has a reason: the next plan must answer it."""

    motivo: LongText


class Reason(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid", strict=True)

    motivo: LongText


@router.post(
    "/{id}/approve",
    operation_id="approvePlan",
    summary="Aprobar el plan",
    responses=answers(Decision, etag=True),
)
@raises(TransitionRefused, PlanOutdated, OwnOrder)
async def approve(
    id: str,  # noqa: A002 — the design's name of the parameter
    decision: PlanApproval,
    write: Decide,
) -> Response:
    """Aprueba el plan leído; la construcción empieza."""

    async def work(session: AsyncSession) -> Answer:
        order = await locked(session, id, write)
        await approve_plan(
            session,
            order,
            actor=write.principal.actor,
            rules=write.services.policy.approval,
            now=now(),
            plan=decision.reference,
            note=decision.motivo or "",
        )
        return decided(order, Sentence("Plan aprobado", "Plan approved"))

    return await write.once("approve", work)


@router.post(
    "/{id}/reject",
    operation_id="rejectPlan",
    summary="Rechazar el plan",
    responses=answers(Decision, etag=True),
)
@raises(TransitionRefused, PlanOutdated)
async def reject(
    id: str,  # noqa: A002 — the design's name of the parameter
    decision: PlanRejection,
    write: Decide,
) -> Response:
    """Rechaza el plan leído; se planifica de nuevo con el motivo."""

    async def work(session: AsyncSession) -> Answer:
        order = await locked(session, id, write)
        await reject_plan(
            session,
            order,
            actor=write.principal.actor,
            now=now(),
            plan=decision.reference,
            reason=decision.motivo,
        )
        return decided(order, Sentence("Plan rechazado", "Plan rejected"))

    return await write.once("reject", work)


@router.post(
    "/{id}/cancel",
    operation_id="cancelOrder",
    summary="Cancelar una orden con un motivo",
    responses=answers(OrderCancellation, etag=True),
)
@raises(TransitionRefused)
async def cancel(
    id: str,  # noqa: A002 — the design's name of the parameter
    reason: Reason,
    write: Annotated[Write, Depends(write_as(Action.CANCEL_ORDER))],
) -> Response:
    """Cancela una orden en cualquier estado no terminal; se detiene lo que corre por ella."""

    async def work(session: AsyncSession) -> Answer:
        order = await locked(session, id, write)
        actor = write.principal.actor
        before = await cancel_order(session, order, actor=actor, reason=reason.motivo, now=now())
        told = views.cancelled(order, before)
        return decided(order, **told)

    return await write.once("cancel", work)


@router.post(
    "/{id}/retry",
    operation_id="retryOrder",
    summary="Reintentar una orden fallida, o que espera a la máquina",
    responses=answers(Decision, etag=True),
)
@raises(TransitionRefused)
async def retry(
    id: str,  # noqa: A002 — the design's name of the parameter
    write: Annotated[Write, Depends(write_as(Action.RETRY_ORDER))],
) -> Response:
    """Reintenta una orden fallida desde el paso que falló, como un nuevo intento.

    Si la orden espera a la máquina, prueba ahora el mismo paso, sin un nuevo intento.
    """

    async def work(session: AsyncSession) -> Answer:
        order = await locked(session, id, write)
        before = order.intento
        await retry_order(session, order, actor=write.principal.actor, now=now())
        told = Sentence(
            f"Intento {order.intento} en marcha", f"Attempt {order.intento} is under way"
        )
        if order.intento == before:
            told = Sentence("El paso se prueba ahora", "The step is tried now")
        return decided(order, told)

    return await write.once("retry", work)


@router.post(
    "/{id}/credentials/reveal",
    operation_id="revealCredentials",
    summary="Revelar las credenciales",
    responses=answers(RevealedCredentials),
)
@raises(Conflict)
async def reveal(
    id: str,  # noqa: A002 — the design's name of the parameter
    write: Annotated[Write, Depends(write_as(Action.REVEAL_CREDENTIALS))],
) -> Response:
    """Muestra las credenciales una sola vez; queda registrado antes de responder."""

    async def work(session: AsyncSession) -> Answer:
        order = await locked(session, id, write)
        values = await open_credentials(session, order, write.services.secret_box)
        await mark_revealed(session, order, write.principal, now())
        body = {"order_id": str(order.id), "credentials": dict(values)}
        return Answer(body, order_id=order.id)

    return await write.once("reveal", work)
