"""The measured pace and the place in the queue, on orders of a test's own database."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from axon_factory.domain.building import Priority
from axon_factory.domain.progress import DOCUMENTED_PACE, ENOUGH_ORDERS, Pace
from axon_factory.domain.states import OrderState
from axon_factory.orders.line_mode import count_ahead
from axon_factory.orders.promise import measured_pace
from axon_factory.worker.maintenance import age_waiting_orders
from tests.support.workshop import Workshop

PLANNED_HOURS = 10
_DELIVER = text(
    """
    UPDATE orders SET estado = 'entregado', progreso = 100, entregado_at = :ended,
        construccion_iniciada_at = :began, plan = CAST(:plan AS jsonb)
    WHERE id = :id
    """
)


async def deliver(workshop: Workshop, product_type: str, *, hours: float) -> None:
    order_id = await workshop.place(tipo_producto=product_type)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    async with workshop.container.database.transaction("test") as session:
        await session.execute(
            _DELIVER,
            {
                "id": order_id,
                "began": began,
                "ended": began + timedelta(hours=hours),
                "plan": f'{{"estimacion_horas": {PLANNED_HOURS}}}',
            },
        )


async def pace(workshop: Workshop, product_type: str) -> Pace:
    async with workshop.container.database.reading() as session:
        return await measured_pace(session, product_type)


async def test_history_replaces_the_formula_once_there_is_enough(wiped_workshop: Workshop) -> None:
    for hours in range(1, ENOUGH_ORDERS):
        await deliver(wiped_workshop, "webhook_service", hours=hours)
    await deliver(wiped_workshop, "autopilot_ventas", hours=500)
    assert await pace(wiped_workshop, "webhook_service") == DOCUMENTED_PACE

    await deliver(wiped_workshop, "webhook_service", hours=ENOUGH_ORDERS)
    measured = await pace(wiped_workshop, "webhook_service")
    # Shares of 0.1 to 2.0 of the planned hours: the 10th and 90th percentile lie between two.
    assert (measured.low, measured.high) == pytest.approx((0.29, 1.81))
    assert measured.measured == ENOUGH_ORDERS
    assert await pace(wiped_workshop, "autopilot_ventas") == DOCUMENTED_PACE

    building = await wiped_workshop.place(tipo_producto="webhook_service")
    answer = await wiped_workshop.http.get(
        f"/api/orders/{building}/result", headers=wiped_workshop.headers["admin"]
    )
    assert answer.json()["estimacion_tiempo_restante"] == "5-29 horas"  # 16 hours in the catalogue


async def test_the_queue_is_counted_as_the_line_takes_it(wiped_workshop: Workshop) -> None:
    for priority in ("baja", "baja", "normal", "urgente"):
        await wiped_workshop.place(prioridad=priority)

    async def ahead() -> dict[Priority, int]:
        async with wiped_workshop.container.database.reading() as session:
            return {item: await count_ahead(session, rank=item.rank) for item in Priority}

    assert await ahead() == {"baja": 4, "normal": 2, "alta": 1, "urgente": 1}

    oldest = await wiped_workshop.place(prioridad="baja")
    async with wiped_workshop.container.database.transaction("test") as session:
        await session.execute(
            text("UPDATE orders SET created_at = created_at - interval '8 hours' WHERE id = :id"),
            {"id": oldest},
        )
    await age_waiting_orders(wiped_workshop.container.database)
    assert await ahead() == {"baja": 5, "normal": 3, "alta": 2, "urgente": 1}

    await wiped_workshop.patch(oldest, prioridad="urgente")
    assert await ahead() == {"baja": 5, "normal": 3, "alta": 2, "urgente": 2}
    await wiped_workshop.patch(oldest, prioridad="normal")
    assert await ahead() == {"baja": 5, "normal": 3, "alta": 1, "urgente": 1}


async def test_orders_are_counted_whatever_the_line_does(wiped_workshop: Workshop) -> None:
    """Jobs were counted: while the line is paused the orders have none."""
    workshop = wiped_workshop
    for _ in range(3):
        await workshop.place()
    building = await workshop.placed_in(OrderState.CONSTRUCCION)
    await workshop.line.advance(building)
    await workshop.placed_in(OrderState.PLANIFICACION)

    async def ahead() -> int:
        async with workshop.container.database.reading() as session:
            return await count_ahead(session, rank=Priority.NORMAL.rank)

    assert await ahead() == 3
    paused = await workshop.http.post(
        "/api/line/pause", json={"motivo": "Prueba"}, headers=workshop.headers["admin"]
    )
    assert paused.status_code == 200
    async with workshop.container.database.transaction("test") as session:
        await session.execute(text("DELETE FROM procrastinate_jobs"))
    assert await ahead() == 3
    async with workshop.container.database.transaction("test") as session:
        await session.execute(
            text("UPDATE orders SET queued_at = now(), estado = 'construccion' WHERE id = :id"),
            {"id": await workshop.place()},
        )
    assert await ahead() == 4
