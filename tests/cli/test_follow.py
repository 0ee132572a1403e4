"""Following an order: each event comes with the order as that event has left it."""

import json
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.bootstrap import Container
from axon_factory.cli import follow_rows
from axon_factory.cli.terminal import Exit
from axon_factory.db.tables import Order
from axon_factory.domain.permissions import Principal
from axon_factory.orders.read import read_order
from tests.cli.program import Program, served
from tests.support.workshop import ADMIN, Workshop, make_container


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


async def test_a_factory_that_starts_anew_is_found_again(
    bare: Program, container: Container, placed: Order, database_url: str, tmp_path: Path
) -> None:
    number = placed.order_number
    first = make_container(database_url, tmp_path / "data")
    async with AsyncExitStack() as life:
        await life.enter_async_context(served(first))
        async with bare.started("orders", "watch", number, "--json") as watching:
            assert json.loads(await watching.line())["kind"] == "orden.creada"
            await first.signals.close()
            await life.aclose()  # the server is gone, and its credential with it
            async with served(container):
                gone = await bare("orders", "cancel", number, "--reason", "Prueba")
                assert gone.code == 0, gone
                answer = await watching.answer()
    await first.close()
    assert answer.code == Exit.NOT_DELIVERED
    assert json.loads(answer.out.splitlines()[-1])["exit_code"] == Exit.NOT_DELIVERED
    assert [json.loads(line).get("estado") for line in answer.out.splitlines()][-2] == "cancelado"
