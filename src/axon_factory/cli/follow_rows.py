"""Following an order in the database: `axon up` shows its demonstration with it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence

from axon_factory.bootstrap import Container
from axon_factory.db.sessions import is_unavailable
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import TERMINAL_STATES, OrderState
from axon_factory.orders.read import NEWEST_EVENTS, events_after, read_order

ENDED = TERMINAL_STATES | {OrderState.FALLIDO}
"""States in which nothing more happens by itself."""

_PATIENCE_SECONDS = 30.0


async def follow(
    container: Container, reference: str, principal: Principal, *, poll_seconds: float = 0.2
) -> AsyncGenerator[tuple[Order, OrderEvent]]:
    """Yield each event from the first on, with the order as it was read together with it.

    Ends once the order is entregado, fallido or cancelado and all its events were yielded. A
    database that goes away meanwhile is waited for, half a minute at most.

    Raises:
        OrderNotFound: there is no such order.
        sqlalchemy.exc.OperationalError: the database is away.
    """
    after = 0
    answered = float("-inf")
    while True:
        try:
            order, events = await _read(container, reference, principal, after)
        except Exception as error:
            if not is_unavailable(error) or time.monotonic() - answered > _PATIENCE_SECONDS:
                raise
            await asyncio.sleep(poll_seconds)
            continue
        answered = time.monotonic()
        for event in events:
            after = event.seq
            yield order, event
        if len(events) < NEWEST_EVENTS:
            if order.estado in ENDED:
                return
            await asyncio.sleep(poll_seconds)


async def _read(
    container: Container, reference: str, principal: Principal, after: int
) -> tuple[Order, Sequence[OrderEvent]]:
    # One snapshot: an order that was read before its newest event would be shown as it was before.
    async with container.database.reading() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        order = await read_order(session, reference, principal)
        return order, await events_after(session, order, principal, after)
