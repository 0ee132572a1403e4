"""How long one order takes from nuevo to entregado with the real adapters, stage by stage."""

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.progress import Progress
from sqlalchemy import select
from sqlmodel import col

from axon_factory.bootstrap import Container
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.states import OrderState
from axon_factory.orders.change import Change
from axon_factory.orders.create import create_order
from axon_factory.orders.plans.decisions import approve_plan
from axon_factory.orders.read import lock_order_by_id, read_order
from axon_factory.orders.requests import NewOrder, validated
from benchmarks.orders import EXAMPLE, PRINCIPAL

__all__ = ["Stage", "measure_line"]

_LONGEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What the log said, and the seconds since the entry before."""

    message: str
    seconds: float


async def measure_line(container: Container, progress: Progress) -> list[Stage]:
    """Drive the design's example order through the line; the plan is approved at once.

    Raises:
        RuntimeError: it was not delivered.
    """
    stop = asyncio.Event()
    working = asyncio.create_task(container.worker().run(stop))
    task = progress.add_task("Una orden", total=100)
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            order = await _drive(container, lambda done: progress.update(task, completed=done))
    finally:
        stop.set()
        await working
        await container.deployer.stop_all()
    if order.estado != OrderState.ENTREGADO:
        raise RuntimeError(f"the order ended in {order.estado}: {order.fallo}")
    async with container.database.reading() as session:
        query = select(OrderEvent).where(col(OrderEvent.order_id) == order.id)
        events = list(await session.scalars(query.order_by(col(OrderEvent.seq))))
    return [
        Stage(after.mensaje, round((after.received_at - before.received_at).total_seconds(), 2))
        for before, after in itertools.pairwise(events)
    ]


async def _drive(container: Container, show: Callable[[int], None]) -> Order:
    request = validated(NewOrder, json.loads(EXAMPLE.read_text(encoding="utf-8")))
    async with container.database.transaction("benchmark") as session:
        order = await create_order(session, request, PRINCIPAL, container.policy, datetime.now(UTC))
    while order.estado not in {"entregado", "fallido", "cancelado"}:
        await asyncio.sleep(0.05)
        async with container.database.reading() as session:
            order = await read_order(session, str(order.id), PRINCIPAL)
        show(order.progreso)
        if order.plan_estado == "pendiente_aprobacion":
            async with container.database.transaction("benchmark") as session:
                locked = await lock_order_by_id(session, order.id)
                policy, now = container.policy, datetime.now(UTC)
                await approve_plan(Change(session, locked, PRINCIPAL.actor, policy, now))
    return order
