"""Acts on many orders beside other writers: nobody waits in a circle, nothing is lost."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.worker.maintenance import age_waiting_orders
from tests.support.copies import copy_orders
from tests.support.workshop import Workshop

ORDERS = 6
OVERLAP = 4


async def bulk(workshop: Workshop, ids: Sequence[str], **body: Any) -> httpx2.Response:  # noqa: ANN401 — JSON
    return await workshop.http.post(
        "/api/orders/bulk",
        json={"ids": list(ids), **body},
        headers=workshop.headers["admin"],
    )


async def count(workshop: Workshop, query: str, ids: Sequence[str]) -> int:
    async with workshop.container.database.reading() as session:
        return await session.scalar(text(query), {"ids": list(ids)}) or 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("trials", [5, pytest.param(50, marks=pytest.mark.nightly)])
async def test_two_acts_on_overlapping_orders(wiped_workshop: Workshop, trials: int) -> None:
    """In opposite orders, beside single writes and ageing; each order has one end."""
    workshop = wiped_workshop
    dice = random.Random(7)  # noqa: S311 — a repeatable shuffle
    original = await workshop.place()
    for _ in range(trials):
        ids = [str(one) for one in await copy_orders(workshop, original, ORDERS)]
        first, second = ids[:OVERLAP], ids[ORDERS - OVERLAP :][::-1]
        dice.shuffle(first)
        writer = dice.choice(ids[ORDERS - OVERLAP : OVERLAP])
        one, other, patched, _ = await asyncio.gather(
            bulk(workshop, first, accion="cancel", motivo="uno"),
            bulk(workshop, second, accion="cancel", motivo="dos"),
            workshop.http.patch(
                f"/api/orders/{writer}",
                json={"logs": [{"mensaje": "Entre medio"}]},
                headers=workshop.headers["operator"],
            ),
            age_waiting_orders(workshop.container.database),
        )
        assert [one.status_code, other.status_code, patched.status_code] == [200] * 3
        winners = [
            result["id"]
            for answer in (one, other)
            for result in answer.json()["results"]
            if result["status"] == "ok"
        ]
        assert sorted(winners) == sorted(ids)
        refused = {
            result["codigo"]
            for answer in (one, other)
            for result in answer.json()["results"]
            if result["status"] != "ok"
        }
        assert refused <= {"transicion_no_permitida"}
        events = "SELECT count(*) FROM order_events WHERE order_id = ANY (CAST(:ids AS uuid[]))"
        assert await count(workshop, events, ids) == 2 * ORDERS + 1  # the creations are in it
        audited = "SELECT count(*) FROM audit_entries WHERE chain = ANY (:ids)"
        assert await count(workshop, audited, ids) == ORDERS + 1


async def test_an_order_that_leaves_the_filter_meanwhile_is_not_touched(
    wiped_workshop: Workshop,
) -> None:
    """The act waits for an order that somebody else moves out of the filter: it must look again."""
    workshop = wiped_workshop
    ids = sorted([str(await workshop.place()) for _ in range(3)])
    body = {"accion": "prioridad", "prioridad": "alta", "filtro": {"tag": ["x"]}, "esperado": 3}
    await bulk(workshop, ids, accion="tag", agregar=["x"])
    async with workshop.container.database.transaction("test") as session:
        await session.execute(
            text("UPDATE orders SET tags = '{}', updated_at = :now WHERE id = CAST(:id AS uuid)"),
            {"id": ids[1], "now": datetime.now(UTC)},
        )
        acting = asyncio.create_task(
            workshop.http.post("/api/orders/bulk", json=body, headers=workshop.headers["admin"])
        )
        await _until_somebody_waits(workshop)
    answer = await acting
    assert (answer.status_code, answer.json()["total"]) == (409, 2)
    urgent = "SELECT count(*) FROM orders WHERE prioridad = 'alta' AND tags = '{x}'"
    assert await count(workshop, urgent, ()) == 0


async def _until_somebody_waits(workshop: Workshop) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database()"
    )
    async with asyncio.timeout(10):
        while True:
            async with workshop.container.database.reading() as session:
                if await session.scalar(waiting):
                    return
            await asyncio.sleep(0.01)
