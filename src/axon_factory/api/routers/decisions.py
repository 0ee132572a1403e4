"""What people decide about an order: plan, cancel, retry, reveal (resolutions 23, 28)."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from axon_factory.api.authentication import require
from axon_factory.api.parameters import IfMatch
from axon_factory.api.services import Services
from axon_factory.db.tables import Order
from axon_factory.domain.permissions import Action, Principal
from axon_factory.orders.approval import PlanReference, approve_plan, reject_plan
from axon_factory.orders.cancel import cancel_order
from axon_factory.orders.credentials import mark_revealed, open_credentials
from axon_factory.orders.locking import lock_order
from axon_factory.orders.read import read_order
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


def _now() -> datetime:
    return datetime.now(UTC)


def _answer(order: Order, message: str) -> dict[str, Any]:
    return {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "estado": order.estado,
        "plan_estado": order.plan_estado,
        "intento": order.intento,
        "message": message,
    }


@router.post("/{id}/approve")
async def approve(
    id: str,  # noqa: A002 — the design's name of the parameter
    decision: PlanApproval,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.DECIDE_PLAN))],
) -> dict[str, Any]:
    """Aprueba el plan leído; la construcción empieza."""
    async with services.database.transaction("approve") as session:
        order = await lock_order(session, id, principal)
        await approve_plan(
            session,
            order,
            actor=principal.actor,
            now=_now(),
            plan=decision.reference,
            note=decision.motivo or "",
        )
    return _answer(order, "Plan aprobado")


@router.post("/{id}/reject")
async def reject(
    id: str,  # noqa: A002 — the design's name of the parameter
    decision: PlanRejection,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.DECIDE_PLAN))],
) -> dict[str, Any]:
    """Rechaza el plan leído; se planifica de nuevo con el motivo."""
    async with services.database.transaction("reject") as session:
        order = await lock_order(session, id, principal)
        await reject_plan(
            session,
            order,
            actor=principal.actor,
            now=_now(),
            plan=decision.reference,
            reason=decision.motivo,
        )
    return _answer(order, "Plan rechazado")


@router.post("/{id}/cancel")
async def cancel(
    id: str,  # noqa: A002 — the design's name of the parameter
    reason: Reason,
    services: Services,
    if_match: IfMatch,
    principal: Annotated[Principal, Depends(require(Action.CANCEL_ORDER))],
) -> dict[str, Any]:
    """Cancela una orden en cualquier estado no terminal; se detiene lo que corre por ella."""
    async with services.database.transaction("cancel") as session:
        order = await lock_order(session, id, principal, if_version=if_match)
        before = await cancel_order(
            session, order, actor=principal.actor, reason=reason.motivo, now=_now()
        )
    return _answer(order, f"Orden {order.order_number} cancelada exitosamente") | {
        "estado_anterior": before.value,
        "estado_nuevo": order.estado,
    }


@router.post("/{id}/retry")
async def retry(
    id: str,  # noqa: A002 — the design's name of the parameter
    services: Services,
    if_match: IfMatch,
    principal: Annotated[Principal, Depends(require(Action.RETRY_ORDER))],
) -> dict[str, Any]:
    """Reintenta una orden fallida desde el paso que falló, como un nuevo intento."""
    async with services.database.transaction("retry") as session:
        order = await lock_order(session, id, principal, if_version=if_match)
        await retry_order(session, order, actor=principal.actor, now=_now())
    return _answer(order, f"Intento {order.intento} en marcha")


@router.post("/{id}/credentials/reveal")
async def reveal(
    id: str,  # noqa: A002 — the design's name of the parameter
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.REVEAL_CREDENTIALS))],
) -> dict[str, Any]:
    """Muestra las credenciales una sola vez; queda registrado antes de responder."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        values = await open_credentials(session, order, services.secret_box)
    async with services.database.transaction("reveal") as session:
        order = await lock_order(session, id, principal)
        await mark_revealed(session, order, principal, _now())
    return {"order_id": str(order.id), "credentials": dict(values)}
