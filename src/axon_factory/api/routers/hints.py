"""Agents' push notifications: hints that wake an order (design §5.4)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from axon_factory.api.documentation import answers
from axon_factory.api.schemas.hints import HintTaken
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.permissions import Action
from axon_factory.domain.sentences import Sentence
from axon_factory.orders.hints import look_now

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["decisiones"])

_LOOKING = Sentence(
    "La fábrica mira ahora la sesión de la orden", "The factory is looking at the order's session"
)
_NOTHING = Sentence("La orden no tiene una sesión que mirar", "The order has no session to look at")


@router.post(
    "/{id}/wake",
    operation_id="wakeOrder",
    summary="Avisar de novedades en la sesión",
    responses=answers(HintTaken),
)
async def wake(
    id: str,  # noqa: A002 — the design's name of the parameter
    write: Annotated[Write, Depends(write_as(Action.WAKE_ORDER))],
) -> Response:
    """Pide mirar ya la sesión que construye la orden; el cuerpo no se lee."""
    async with write.order("wake", id) as (session, order):
        looking = await look_now(session, order)
        body = {"order_id": str(order.id), "message": _LOOKING if looking else _NOTHING}
        return write.answer(body, order_id=order.id)
