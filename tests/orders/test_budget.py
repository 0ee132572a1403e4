"""What models may still use: for one order, in a day of the business time zone, by decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from axon_factory.db.sessions import Database
from axon_factory.db.tables import ModelCall, Order
from axon_factory.domain.permissions import Grant, Principal, Role
from axon_factory.orders.budget import models_allowed, record_uses, remaining_budget
from axon_factory.orders.create import create_order
from axon_factory.orders.policy import BudgetRules, Policy
from axon_factory.orders.requests import ClientData, NewOrder
from axon_factory.ports.planner import Budget, ModelUse

ZONE = ZoneInfo("America/Mexico_City")
POLICY = Policy(
    zone=ZONE,
    currency="USD",
    tenant="default",
    public_url="http://127.0.0.1:1",
    approver_email="aprobacion@axon.localhost",
    support_email="soporte@axon.localhost",
    portal_url=lambda order_id, number: f"http://127.0.0.1:1/portal/{order_id}/{number}",
    budgets=BudgetRules(
        order_tokens=1000, day_tokens=5000, order_usd=Decimal(1), day_usd=Decimal(3)
    ),
)
ADMIN = Principal("user:admin", "Ana", Role.ADMIN, Grant.ADMIN)
NOON = datetime(2025, 3, 10, 12, tzinfo=ZONE).astimezone(UTC)
MIDNIGHT = datetime(2025, 3, 10, tzinfo=ZONE).astimezone(UTC)


@dataclass
class Desk:
    """Two orders and the uses that are written to them."""

    database: Database
    orders: Mapping[str, Order]

    async def use(
        self,
        order: str,
        *,
        tokens: int,
        usd: str | None,
        at: datetime,
        purpose: Literal["plan", "respuesta"] = "plan",
    ) -> None:
        use = ModelUse(
            provider="openai",
            model="m",
            prompt_version="plan.v1",
            input_tokens=tokens - 1,
            output_tokens=1,
            cost_usd=None if usd is None else Decimal(usd),
            latency_ms=5,
            outcome="ok",
            started_at=at,
        )
        async with self.database.transaction("test") as session:
            await record_uses(session, self.orders[order], [use], purpose)

    async def remaining(self, order: str, decided: str | None = None) -> Budget:
        found = self.orders[order]
        found.budget_usd = None if decided is None else Decimal(decided)
        async with self.database.reading() as session:
            return await remaining_budget(session, found, POLICY, NOON)


@pytest.fixture
async def desk(database: Database) -> Desk:
    orders: dict[str, Order] = {}
    for name in ("this", "other"):
        request = NewOrder(
            tipo_producto="webhook_service",
            nombre_producto=name,
            datos_cliente=ClientData(nombre="X", email="x@example.com"),
        )
        async with database.transaction("test") as session:
            orders[name] = await create_order(session, request, ADMIN, POLICY, NOON)
    return Desk(database, orders)


async def test_before_anything_was_used_the_smaller_limit_holds(desk: Desk) -> None:
    assert await desk.remaining("this") == Budget(1000, Decimal(1))


async def test_an_orders_own_uses_count_whenever_and_for_whatever(desk: Desk) -> None:
    await desk.use("this", tokens=100, usd="0.25", at=NOON - timedelta(days=40))
    await desk.use("this", tokens=50, usd="0.25", at=NOON, purpose="respuesta")
    await desk.use("other", tokens=700, usd="0.5", at=NOON)
    assert await desk.remaining("this") == Budget(850, Decimal("0.5"))


async def test_other_orders_count_for_the_day(desk: Desk) -> None:
    await desk.use("other", tokens=4900, usd="2.9", at=NOON)
    assert await desk.remaining("this") == Budget(100, Decimal("0.1"))
    await desk.use("other", tokens=200, usd="0.2", at=NOON)
    remaining = await desk.remaining("this")
    assert remaining == Budget(-100, Decimal("-0.1"))
    assert remaining.is_spent


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        (MIDNIGHT, True),
        (MIDNIGHT - timedelta(microseconds=1), False),
        (datetime(2025, 3, 10, 1, tzinfo=UTC), False),  # the 10th in UTC, still the 9th there
    ],
)
async def test_the_day_begins_at_the_business_midnight(
    desk: Desk, at: datetime, counts: bool
) -> None:
    await desk.use("other", tokens=4900, usd="2.9", at=at)
    assert (await desk.remaining("this")).tokens == (100 if counts else 1000)


async def test_a_price_that_nobody_knows_counts_by_tokens_only(desk: Desk) -> None:
    await desk.use("this", tokens=900, usd=None, at=NOON)
    assert await desk.remaining("this") == Budget(100, Decimal(1))


async def test_a_persons_amount_counts_instead_of_all_limits(desk: Desk) -> None:
    await desk.use("this", tokens=1500, usd="1.2", at=NOON)
    assert (await desk.remaining("this")).is_spent
    assert await desk.remaining("this", "2") == Budget(1000, Decimal("0.8"))
    assert await desk.remaining("this", "9") == Budget(1000, Decimal("7.8"))  # the day allows 1.8
    assert (await desk.remaining("this", "1")).is_spent


async def test_nothing_means_no_models(desk: Desk) -> None:
    order = desk.orders["this"]
    for amount, allowed in ((None, True), (Decimal("0.01"), True), (Decimal(0), False)):
        order.budget_usd = amount
        assert models_allowed(order) == allowed


async def test_uses_are_kept_as_they_were(desk: Desk) -> None:
    await desk.use("this", tokens=10, usd="0.000001", at=NOON)
    async with desk.database.reading() as session:
        call = (await session.scalars(select(ModelCall))).one()
        count = await session.scalar(select(func.count(col(ModelCall.id))))
    assert count == 1
    assert (call.purpose, call.intento, call.cost_usd) == ("plan", 1, Decimal("0.000001"))
    assert call.order_id == desk.orders["this"].id
