"""Updates that no database has, and entries of orders that nobody wrote through the API."""

from datetime import UTC, datetime
from uuid import UUID

from axon_factory.db.sessions import Database
from axon_factory.orders.events import CHANNEL
from axon_factory.orders.news import News
from axon_factory.realtime.update import Update

__all__ = ["append_entries", "made_update"]

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


_APPEND = """
    WITH raised AS (
        UPDATE orders SET event_seq = event_seq + %(number)s WHERE id = %(order)s
        RETURNING id, event_seq - %(number)s AS before
    ), told AS (SELECT pg_notify(%(channel)s, id::text) FROM raised WHERE %(notify)s)
    INSERT INTO order_events (order_id, seq, kind, tipo, agente, mensaje, metadata, visibilidad,
        intento, actor, occurred_at, received_at)
    SELECT id, before + n, 'agente.registro', 'info', 'Builder Agent', %(text)s || ' ' || n, '{}',
        'cliente', 1, 'worker', now(), now()
    FROM raised CROSS JOIN generate_series(1, %(number)s) AS n
    CROSS JOIN (SELECT count(*) FROM told) AS heard
"""


async def append_entries(
    database: Database, order_id: UUID, number: int, text: str = "entrada", *, notify: bool = True
) -> None:
    """Append entries to an order in one transaction; without `notify` nobody is woken."""
    asked = {
        "order": order_id,
        "number": number,
        "text": text,
        "channel": CHANNEL,
        "notify": notify,
    }
    async with database.raw() as connection:
        await connection.execute(_APPEND, asked)
