"""Acts of people on an order: approve, reject, cancel, retry, reveal (resolutions 23, 28)."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.answers import version_etag
from axon_factory.api.documentation import answers, raises
from axon_factory.api.schemas.orders import Decision, OrderCancellation
from axon_factory.api.schemas.results import RevealedCredentials
from axon_factory.api.writing import Answer, Write, write_as
from axon_factory.db.tables import Order
from axon_factory.domain.errors import Conflict, PlanOutdated, TransitionRefused
from axon_factory.domain.permissions import Action
from axon_factory.domain.sentences import Sentence
from axon_factory.orders import views
from axon_factory.orders.approval import PlanReference, approve_plan, reject_plan
from axon_factory.orders.cancel import cancel_order
from axon_factory.orders.credentials import mark_revealed, open_credentials
from axon_factory.orders.locking import lock_order
from axon_factory.orders.requests import LongText
from axon_factory.orders.retry import retry_order

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["decisiones"])


class PlanRead(BaseModel):
    """The plan that the decider read: its version and hash."""

    model_config = ConfigDict(extra="forbid", strict=True)

    plan_version: Annotated[int, Field(ge=1, le=10_000)]
    plan_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def reference(self) -> PlanReference:
        """The plan that the decision is about."""
        return PlanReference(self.plan_version, self.plan_hash)


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


Decide = Annotated[Write, Depends(write_as(Action.DECIDE_PLAN))]


def _now() -> datetime:
    return datetime.now(UTC)


async def _locked(session: AsyncSession, reference: str, write: Write) -> Order:
    return await lock_order(session, reference, write.principal, if_version=write.if_match)


def _answer(order: Order, message: Sentence, **more: Any) -> Answer:  # noqa: ANN401 — JSON values
    body = {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "estado": order.estado,
        "plan_estado": order.plan_estado,
        "intento": order.intento,
        "message": message,
        **more,
    }
    return Answer(body, headers={"ETag": version_etag(order.version)}, order_id=order.id)


@router.post(
    "/{id}/approve",
    operation_id="approvePlan",
    summary="Aprobar el plan",
    responses=answers(Decision, etag=True),
)
@raises(TransitionRefused, PlanOutdated)
async def approve(
    id: str,  # noqa: A002 — the design's name of the parameter
    decision: PlanApproval,
    write: Decide,
) -> Response:
    """Aprueba el plan leído; la construcción empieza."""

    async def work(session: AsyncSession) -> Answer:
        order = await _locked(session, id, write)
        await approve_plan(
            session,
            order,
            actor=write.principal.actor,
            now=_now(),
            plan=decision.reference,
            note=decision.motivo or "",
        )
        return _answer(order, Sentence("Plan aprobado", "Plan approved"))

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
        order = await _locked(session, id, write)
        await reject_plan(
            session,
            order,
            actor=write.principal.actor,
            now=_now(),
            plan=decision.reference,
            reason=decision.motivo,
        )
        return _answer(order, Sentence("Plan rechazado", "Plan rejected"))

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
        order = await _locked(session, id, write)
        actor = write.principal.actor
        before = await cancel_order(session, order, actor=actor, reason=reason.motivo, now=_now())
        told = views.cancelled(order, before)
        return _answer(order, **told)

    return await write.once("cancel", work)


@router.post(
    "/{id}/retry",
    operation_id="retryOrder",
    summary="Reintentar una orden fallida",
    responses=answers(Decision, etag=True),
)
@raises(TransitionRefused)
async def retry(
    id: str,  # noqa: A002 — the design's name of the parameter
    write: Annotated[Write, Depends(write_as(Action.RETRY_ORDER))],
) -> Response:
    """Reintenta una orden fallida desde el paso que falló, como un nuevo intento."""

    async def work(session: AsyncSession) -> Answer:
        order = await _locked(session, id, write)
        await retry_order(session, order, actor=write.principal.actor, now=_now())
        told = Sentence(
            f"Intento {order.intento} en marcha", f"Attempt {order.intento} is under way"
        )
        return _answer(order, told)

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
        order = await _locked(session, id, write)
        values = await open_credentials(session, order, write.services.secret_box)
        await mark_revealed(session, order, write.principal, _now())
        body = {"order_id": str(order.id), "credentials": dict(values)}
        return Answer(body, order_id=order.id)

    return await write.once("reveal", work)
