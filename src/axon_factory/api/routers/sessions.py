"""What the agent of an attempt does besides reporting: give signs of life, renew its token."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response, status
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.documentation import answers, raises
from axon_factory.api.schemas.sessions import AttemptToken, Heartbeat
from axon_factory.api.writing import Answer, Write, write_as
from axon_factory.domain.errors import Conflict
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.domain.times import timestamp
from axon_factory.orders.read import lock_order
from axon_factory.orders.runs.liveness import take_heartbeat

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

    async def work(session: AsyncSession) -> Answer:
        order = await lock_order(session, id, write.principal, if_version=write.if_match)
        await take_heartbeat(write.change(session, order))
        body = {
            "order_id": str(order.id),
            "intento": order.intento,
            "estado": order.estado,
            "latido_at": timestamp(order.heartbeat_at),
        }
        return Answer(body, order_id=order.id)

    return await write.once("heartbeat", work, audited=False)


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

    async def work(session: AsyncSession) -> Answer:
        order = await lock_order(session, id, write.principal, if_version=write.if_match)
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
        return Answer(body, status.HTTP_201_CREATED, location, order.id, f"token:{minted.id}")

    return await write.once("renew_token", work)
