"""Order numbers: unique, gapless per business year, whatever happens at once."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import text

from axon_factory.orders.create import create_order
from axon_factory.orders.requests import NewOrder
from tests.support.workshop import ADMIN, Workshop, example_order

# Mexico City is six hours behind UTC: its new year begins at six in the morning.
LAST_SECOND = datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC)
FIRST_SECOND = datetime(2026, 1, 1, 6, 0, 0, tzinfo=UTC)


async def create(workshop: Workshop, now: datetime) -> str:
    request = NewOrder.model_validate(example_order())
    async with workshop.container.database.transaction("test") as session:
        order = await create_order(session, request, ADMIN, workshop.container.policy, now)
    return order.order_number


async def test_fifty_orders_at_once_are_numbered_without_a_gap(wiped_workshop: Workshop) -> None:
    answers = await asyncio.gather(
        *(
            wiped_workshop.http.post(
                "/api/orders",
                json=example_order(),
                headers=wiped_workshop.headers["key_escritura"],
            )
            for _ in range(50)
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    numbers = sorted(answer.json()["order_number"] for answer in answers)
    year = numbers[0].split("-")[1]
    assert numbers == [f"ORD-{year}-{number:03d}" for number in range(1, 51)]
    assert len({answer.json()["id"] for answer in answers}) == 50


async def test_numbers_outgrow_three_digits(wiped_workshop: Workshop) -> None:
    async with wiped_workshop.container.database.transaction("test") as session:
        await session.execute(text("INSERT INTO order_number_counters VALUES (2026, 998)"))
    numbers = [await create(wiped_workshop, FIRST_SECOND) for _ in range(3)]
    assert numbers == ["ORD-2026-999", "ORD-2026-1000", "ORD-2026-1001"]
    headers = wiped_workshop.headers["admin"]
    answer = await wiped_workshop.http.get("/api/orders/ORD-2026-1000", headers=headers)
    assert answer.json()["order_number"] == "ORD-2026-1000"


async def test_a_year_turns_in_the_business_time_zone(wiped_workshop: Workshop) -> None:
    numbers = [
        await create(wiped_workshop, now)
        for now in (LAST_SECOND, LAST_SECOND, FIRST_SECOND, LAST_SECOND, FIRST_SECOND)
    ]
    assert numbers == [
        "ORD-2025-001",
        "ORD-2025-002",
        "ORD-2026-001",
        "ORD-2025-003",
        "ORD-2026-002",
    ]


async def test_a_rollback_gives_the_number_back(wiped_workshop: Workshop) -> None:
    request = NewOrder.model_validate(example_order())
    database, policy = wiped_workshop.container.database, wiped_workshop.container.policy
    await create(wiped_workshop, FIRST_SECOND)
    async with database.reading() as session:  # rolls back
        order = await create_order(session, request, ADMIN, policy, FIRST_SECOND)
        assert order.order_number == "ORD-2026-002"
    assert await create(wiped_workshop, FIRST_SECOND) == "ORD-2026-002"
