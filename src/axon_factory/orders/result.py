"""The delivered product (design §3.3, resolutions 14)."""

from typing import Any

from axon_factory.db.tables import Order
from axon_factory.domain.errors import ResultNotReady
from axon_factory.domain.estimate import remaining_time
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.orders.views import timestamp

__all__ = ["result_of"]

_SENTENCES = {
    OrderState.NUEVO: "El autopilot espera su planificación",
    OrderState.PLANIFICACION: "El autopilot está en planificación",
    OrderState.CONSTRUCCION: "El autopilot está en construcción",
    OrderState.QA: "El autopilot está en revisión de calidad",
    OrderState.FALLIDO: "La construcción del autopilot falló",
    OrderState.CANCELADO: "La orden del autopilot fue cancelada",
}


def result_of(order: Order) -> dict[str, Any]:
    """Return the answer of GET /result; credentials in it are masked.

    Raises:
        ResultNotReady: the documented 400, with a text that fits the state.
    """
    state = OrderState(order.estado)
    if not serves_in(Action.READ_RESULT, state):
        plan = order.plan or order.catalogo
        raise ResultNotReady(
            extra={
                "estado_actual": state.value,
                "progreso": order.progreso,
                "mensaje": f"{_SENTENCES[state]}. Revisa el estado en /api/orders/{order.id}",
                "estimacion_tiempo_restante": remaining_time(
                    state, float(plan["estimacion_horas"]), order.progreso
                ),
            }
        )
    return {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "tipo_producto": order.tipo_producto,
        "nombre_producto": order.nombre_producto,
        "estado": order.estado,
        "resultado": order.resultado,
        "repo_url": order.repo_url,
        "deploy_url": order.deploy_url,
        "entregado_at": timestamp(order.entregado_at),
    }
