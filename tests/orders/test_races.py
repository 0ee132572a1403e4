"""Two that want different things at once: one wins, the other is told, nothing is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.errors import AxonError, NotCancellable, TransitionRefused
from axon_factory.domain.states import OrderState
from axon_factory.orders.approval import approve_plan
from axon_factory.orders.cancel import delete_order
from axon_factory.orders.locking import lock_order_by_id
from tests.support.workshop import ADMIN, Workshop

RACES = 200
AT_ONCE = 4
Act = Callable[[AsyncSession, Order], Awaitable[object]]


async def approve(session: AsyncSession, order: Order) -> None:
    await approve_plan(session, order, actor=ADMIN.actor, now=datetime.now(UTC))


async def cancel(session: AsyncSession, order: Order) -> None:
    await delete_order(session, order, actor=ADMIN.actor, now=datetime.now(UTC))


async def compete(
    workshop: Workshop, order_id: UUID, start: asyncio.Barrier, act: Act
) -> AxonError | None:
    """Act on a connection that is open already when the start is given."""
    try:
        async with workshop.factory.database.transaction("test") as session:
            await session.execute(text("SELECT 1"))
            await start.wait()
            await act(session, await lock_order_by_id(session, order_id))
    except AxonError as error:
        return error
    return None


async def race(workshop: Workshop, limit: asyncio.Semaphore, first: int) -> OrderState:
    async with limit:
        order_id = await workshop.placed_in(OrderState.PLANIFICACION)
        start = asyncio.Barrier(2)
        acts = [approve, cancel] if first else [cancel, approve]
        results = await asyncio.gather(*(compete(workshop, order_id, start, act) for act in acts))
        refused = dict(zip((act.__name__ for act in acts), results, strict=True))
        await assert_one_won(workshop, order_id, refused)
        return OrderState((await workshop.order(order_id)).estado)


async def assert_one_won(
    workshop: Workshop, order_id: UUID, refused: dict[str, AxonError | None]
) -> None:
    order = await workshop.order(order_id)
    async with workshop.factory.database.reading() as session:
        plan = await session.scalar(
            text("SELECT estado FROM order_plans WHERE order_id = :id"), {"id": order_id}
        )
        stages = await session.scalars(
            text("SELECT estado FROM order_stages WHERE order_id = :id ORDER BY ordinal"),
            {"id": order_id},
        )
        events = await session.execute(
            text("SELECT seq, kind FROM order_events WHERE order_id = :id ORDER BY seq"),
            {"id": order_id},
        )
        history, kinds = list(stages), [tuple(row) for row in events]
    assert history == ["nuevo", "planificacion", order.estado]
    assert [seq for seq, _ in kinds] == list(range(1, 5))
    if order.estado == OrderState.CONSTRUCCION:
        assert refused["approve"] is None
        assert isinstance(refused["cancel"], NotCancellable)
        assert (plan, kinds[-1][1]) == ("aprobado", "plan.aprobado")
    else:
        assert order.estado == OrderState.CANCELADO
        assert refused["cancel"] is None
        assert isinstance(refused["approve"], TransitionRefused)
        assert (plan, kinds[-1][1]) == ("pendiente_aprobacion", "orden.estado_cambiado")


@pytest.mark.timeout(120)
async def test_approve_against_cancel(fresh_workshop: Workshop) -> None:
    limit = asyncio.Semaphore(AT_ONCE)
    won = await asyncio.gather(*(race(fresh_workshop, limit, index % 2) for index in range(RACES)))
    assert len(won) == RACES
    assert set(won) == {OrderState.CONSTRUCCION, OrderState.CANCELADO}


async def test_fifty_reports_at_once_lose_none(fresh_workshop: Workshop) -> None:
    order_id = await fresh_workshop.place()
    before = await fresh_workshop.order(order_id)
    answers = await asyncio.gather(
        *(
            fresh_workshop.attempt_patch(
                order_id, by="permanent", logs=[{"mensaje": f"Informe {index}"}]
            )
            for index in range(50)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["ETag"] for answer in answers}) == 50
    shown = await fresh_workshop.show(order_id)
    reports = [entry for entry in shown["logs"] if entry["mensaje"].startswith("Informe")]
    assert {entry["mensaje"] for entry in reports} == {f"Informe {index}" for index in range(50)}
    assert [entry["seq"] for entry in shown["logs"]] == list(range(1, before.event_seq + 51))
    assert shown["version"] == before.version + 50


async def test_of_two_changes_of_one_version_one_is_refused(fresh_workshop: Workshop) -> None:
    order_id = await fresh_workshop.place()
    headers = {
        **fresh_workshop.headers["admin"],
        "If-Match": f'"{(await fresh_workshop.order(order_id)).version}"',
    }
    answers = await asyncio.gather(
        *(
            fresh_workshop.http.patch(
                f"/api/orders/{order_id}", json={"asignado_a": name}, headers=headers
            )
            for name in ("uno", "dos", "tres")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
