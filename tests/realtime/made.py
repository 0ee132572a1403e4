"""Updates that no database has."""

from datetime import UTC, datetime
from uuid import UUID

from axon_factory.orders.news import News
from axon_factory.realtime.update import Update

__all__ = ["made_update"]

_MOMENT = datetime(2026, 12, 1, tzinfo=UTC)


def made_update(order: int, *, position: int = 1) -> Update:
    """Return an update of the order with this number."""
    news = News(
        position=position,
        order_id=UUID(int=order),
        seq=position,
        kind="agente.registro",
        tipo="info",
        agente="Builder Agent",
        mensaje="Algo",
        details={},
        visibilidad="cliente",
        actor="worker",
        occurred_at=_MOMENT,
        received_at=_MOMENT,
        estado="nuevo",
        progreso=0,
        tipo_producto="autopilot_whatsapp",
        prioridad="normal",
        asignado_a=None,
        cliente_id=None,
        tags=[],
    )
    return Update(news)
