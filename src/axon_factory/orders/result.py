"""The delivered product (design §3.3, resolutions 14)."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, PortalLink
from axon_factory.domain.errors import ResultNotReady
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.progress import remaining_time
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.results import OrderResult
from axon_factory.orders.policy import Policy
from axon_factory.orders.portal_links import LinkState, link_state, newest_link
from axon_factory.orders.promise import measured_pace

__all__ = ["result_document", "result_of"]

_SENTENCES = {
    OrderState.NUEVO: Sentence(
        "El autopilot espera su planificación", "The autopilot waits to be planned"
    ),
    OrderState.PLANIFICACION: Sentence(
        "El autopilot está en planificación", "The autopilot is being planned"
    ),
    OrderState.CONSTRUCCION: Sentence(
        "El autopilot está en construcción", "The autopilot is being built"
    ),
    OrderState.QA: Sentence(
        "El autopilot está en revisión de calidad", "The autopilot is under review"
    ),
    OrderState.FALLIDO: Sentence(
        "La construcción del autopilot falló", "The construction of the autopilot failed"
    ),
    OrderState.CANCELADO: Sentence(
        "La orden del autopilot fue cancelada", "The order of the autopilot was cancelled"
    ),
}


async def result_of(
    session: AsyncSession, order: Order, policy: Policy, now: datetime
) -> dict[str, Any]:
    """Return the answer of GET /result; credentials in it are masked.

    `portal_url` is the link that serves at `now`, None if it expired or was revoked.

    Raises:
        ResultNotReady: the documented 400, with a text that fits the state.
    """
    state = OrderState(order.estado)
    if not serves_in(Action.READ_RESULT, state):
        plan = order.plan or order.catalogo
        pace = await measured_pace(session, order.tipo_producto)
        raise ResultNotReady(
            extra={
                "estado_actual": state.value,
                "progreso": order.progreso,
                "mensaje": Sentence(
                    f"{_SENTENCES[state]}. Revisa el estado en /api/orders/{order.id}",
                    f"{_SENTENCES[state].en}. See its state at /api/orders/{order.id}",
                ),
                "estimacion_tiempo_restante": remaining_time(
                    state, float(plan["estimacion_horas"]), order.progreso, pace
                ),
            }
        )
    return result_document(order, await newest_link(session, order), policy, now)


def result_document(
    order: Order, link: PortalLink | None, policy: Policy, now: datetime
) -> dict[str, Any]:
    """Return the answer about an order that is ready; `link` is its newest portal link."""
    result = order.resultado
    if result is not None:
        url = None
        if link is not None and link_state(link, now) is LinkState.VIGENTE:
            url = policy.portal_url(order.id, link.number)
        result = {**result, "portal_url": url}
    return OrderResult.of(order, resultado=result)
