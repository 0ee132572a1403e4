"""The design's example order, placed and planned by the real line without a worker."""

import json
from datetime import datetime
from pathlib import Path
from uuid import UUID

import axon_factory.cli
from axon_factory.bootstrap import Container
from axon_factory.domain.permissions import Grant, Principal, Role
from axon_factory.orders.create import create_order
from axon_factory.orders.requests import NewOrder, validated

__all__ = ["EXAMPLE", "PRINCIPAL", "make_planned_order"]

PRINCIPAL = Principal("benchmark", "Medición", Role.ADMIN, Grant.ADMIN)
EXAMPLE = Path(axon_factory.cli.__file__).with_name("example_order.json")


async def make_planned_order(container: Container, now: datetime) -> UUID:
    """Place the order and advance it until its plan waits; return its id."""
    request = validated(NewOrder, json.loads(EXAMPLE.read_text(encoding="utf-8")))
    async with container.database.transaction("benchmark") as session:
        order = await create_order(session, request, PRINCIPAL, container.policy, now)
    line = container.worker().line
    while await line.advance(order.id) is not None:
        pass
    return order.id
