"""Pages' answers about one factory, and changes of orders that no request makes."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from axon_factory.domain.names import SUPER_AXON
from axon_factory.orders.change import Change
from axon_factory.orders.read import lock_order_by_id
from tests.support.workshop import Workshop

Json = dict[str, Any]
Query = str | int | list[str]


@pytest.fixture(scope="module")
def workshop(module_workshop: Workshop) -> Workshop:
    """A factory of the module's own: paces and ends of lists depend on all orders."""
    return module_workshop


class Pages:
    """Short words for reading the desk's answers and for acting on an order."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop

    async def get(self, path: str, by: str = "admin", language: str = "es", **query: Query) -> Json:
        headers = {**self.workshop.headers[by], "Accept-Language": language}
        answer = await self.workshop.http.get(path, params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def pending(self, order_id: UUID | None, by: str = "admin") -> list[Json]:
        """What waits about one order, or about none."""
        found = await self.get("/api/pending", by, limit=200)
        wanted = None if order_id is None else str(order_id)
        return [
            item
            for item in found["pendientes"]
            if (item["orden"] and item["orden"]["id"]) == wanted
        ]

    async def post(self, path: str, body: Mapping[str, Any], by: str = "admin") -> Json:
        answer = await self.workshop.http.post(path, json=body, headers=self.workshop.headers[by])
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    async def act(self, order_id: UUID, verb: str, **body: object) -> Json:
        return await self.post(f"/api/orders/{order_id}/{verb}", body)

    @asynccontextmanager
    async def change(self, order_id: UUID) -> AsyncGenerator[Change]:
        """The line's own change of an order."""
        async with self.workshop.container.database.transaction("test") as session:
            order = await lock_order_by_id(session, order_id)
            policy = self.workshop.container.policy
            yield Change(session, order, SUPER_AXON, policy, datetime.now(UTC))

    async def apply(self, order_id: UUID, act: Callable[[Change], Awaitable[object]]) -> None:
        async with self.change(order_id) as change:
            await act(change)


@pytest.fixture
def pages(workshop: Workshop) -> Pages:
    return Pages(workshop)
