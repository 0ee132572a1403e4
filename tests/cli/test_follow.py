"""Following an order: each event comes with the order as that event has left it."""

from contextlib import aclosing

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.cli import follow_rows
from axon_factory.db.tables import Order
from axon_factory.domain.permissions import Principal
from axon_factory.orders.read import read_order
from tests.support.workshop import ADMIN, Workshop


async def test_an_event_is_shown_with_the_order_that_it_left(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await workshop.place()

    async def read_and_be_overtaken(
        session: AsyncSession, reference: str, principal: Principal
    ) -> Order:
        order = await read_order(session, reference, principal)
        monkeypatch.setattr(follow_rows, "read_order", read_order)
        await workshop.patch(order_id, prioridad="alta", logs=[{"mensaje": "Después"}])
        return order

    monkeypatch.setattr(follow_rows, "read_order", read_and_be_overtaken)
    async with aclosing(follow_rows.follow(workshop.container, str(order_id), ADMIN)) as news:
        async for order, event in news:
            if event.mensaje == "Después":
                assert order.prioridad == "alta"
                break
