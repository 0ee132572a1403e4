"""What the agent of an attempt does besides reporting: give signs of life, renew its token."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from axon_factory.api.documentation import answers, raises
from axon_factory.api.schemas.sessions import AttemptToken, Heartbeat
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.errors import Conflict
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.domain.times import timestamp
from axon_factory.orders.liveness import take_heartbeat

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["agentes"])


@router.post(
    "/{id}/latido",
    operation_id="sendHeartbeat",
    summary="Dar una señal de vida",
    responses=answers(Heartbeat),
)
@raises(Conflict)
async def beat(
    id: str,  # noqa: A002 — the design's name of the parameter
    write: Annotated[Write, Depends(write_as(Action.SEND_HEARTBEAT))],
) -> Response:
    """Dice que el agente del intento sigue trabajando; 409 si la orden ya no se construye."""
    async with write.order("heartbeat", id, audited=False) as (session, order):
        await take_heartbeat(session, order, actor=write.principal.actor, now=datetime.now(UTC))
        body = {
            "order_id": str(order.id),
            "intento": order.intento,
            "estado": order.estado,
            "latido_at": timestamp(order.heartbeat_at),
        }
        return write.answer(body, order_id=order.id)


@router.post(
    "/{id}/token",
    status_code=status.HTTP_201_CREATED,
    operation_id="renewToken",
    summary="Renovar el token del intento",
    responses=answers(AttemptToken, status.HTTP_201_CREATED),
)
@raises(Conflict)
async def renew(
    id: str,  # noqa: A002 — the design's name of the parameter
    write: Annotated[Write, Depends(write_as(Action.RENEW_TOKEN))],
) -> Response:
    """Da otro token del mismo intento, por dos horas como máximo; el anterior vence a su hora."""
    async with write.order("renew_token", id) as (session, order):
        if not serves_in(Action.RENEW_TOKEN, OrderState(order.estado)):
            raise Conflict(
                f"La orden {order.order_number} está en '{order.estado}': no necesita otro token",
                message_en=f"Order {order.order_number} is in '{order.estado}': "
                "it needs no other token",
            )
        minted = await write.services.access.system_tokens.mint_for_attempt(
            session,
            order_id=order.id,
            intento=order.intento,
            agent=write.principal.name,
            created_by=write.principal.id,
        )
        body = {
            "order_id": str(order.id),
            "intento": order.intento,
            "system_token": minted.plaintext,
            "expires_at": timestamp(minted.token.expires_at),
        }
        location = {"Location": f"/api/system-tokens/{minted.id}"}
        return write.answer(
            body, status.HTTP_201_CREATED, location, order.id, subject=f"token:{minted.id}"
        )
