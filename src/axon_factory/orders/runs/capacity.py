"""Places for orders that are being built: taken one by one, waited for without a job.

An advisory lock lets one transaction at a time count and take places, so that two workers never
pass a limit together. An order without a place has `queued_at` and no job. The
transaction that frees a place enqueues the orders whose turn it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderSession
from axon_factory.domain.building import (
    BuildLimits,
    Candidate,
    LineMode,
    Occupancy,
    Priority,
    grant_places,
    rank_waiting,
)
from axon_factory.domain.events import EventKind
from axon_factory.domain.names import SUPER_AXON
from axon_factory.jobs.queue import enqueue_advances
from axon_factory.orders.change import Change
from axon_factory.orders.read import current_mode
from axon_factory.orders.runs.state import RunEnd, current_run, end_run

__all__ = [
    "PlaceIfApproved",
    "free_place",
    "place_if_approved",
    "place_in_queue",
    "take_place",
    "wake_waiting",
]

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('axon.capacity', 0))")
_CLIENT = "coalesce(o.cliente_id, lower(o.datos_cliente ->> 'email'))"
_TAKEN = text(
    f"""
    SELECT o.tipo_producto, {_CLIENT} AS client, count(*) AS places
    FROM order_sessions s JOIN orders o ON o.id = s.order_id
    WHERE s.ended_at IS NULL GROUP BY 1, 2
    """  # noqa: S608 — a constant of this module
)
_WAITING = text(
    f"""
    SELECT o.id, o.tipo_producto, {_CLIENT} AS client, o.prioridad, o.queued_at
    FROM orders o
    WHERE o.queued_at IS NOT NULL AND o.estado = 'construccion' AND o.espera IS NULL
      AND (NOT :begun OR EXISTS (SELECT FROM order_sessions s WHERE s.order_id = o.id))
    """  # noqa: S608 — a constant of this module
)
_ANY_WAITS = text("SELECT EXISTS (SELECT FROM orders WHERE queued_at IS NOT NULL)")


async def take_place(change: Change, mode: LineMode) -> bool:
    """Return whether the locked order may be given a run now; if not, it waits without a job.

    The caller begins the run in this transaction: that is what takes the place. An order that
    waits longer, or is more urgent, goes first.
    """
    order = change.order
    if not change.policy.limits.any or await current_run(change.tx, order) is not None:
        return True
    await change.tx.execute(_LOCK)
    taken = await _taken(change.tx)
    if taken.shortage(change.policy.limits, _candidate(order, change.now)) is None:
        waiting = await _waiting(change.tx, mode)
        if all(one.order_id != order.id for one in waiting):
            waiting.append(_candidate(order, change.now))
        granted = grant_places(change.policy.limits, taken, waiting, change.now)
        if any(one.order_id == order.id for one in granted):
            return True
    await _queue(change)
    return False


async def free_place(change: Change, ended: OrderSession, how: RunEnd) -> None:
    """End a run of the locked order, and wake those whose turn it is now."""
    if change.policy.limits.any:
        await change.tx.execute(_LOCK)
    await end_run(change.tx, change.order, ended, how, change.now)
    await wake_waiting(change.tx, change.policy.limits, change.now)


async def wake_waiting(session: AsyncSession, limits: BuildLimits, now: datetime) -> int:
    """Enqueue the waiting orders for which there is a place; return how many."""
    if limits.any:
        await session.execute(_LOCK)
    if not await session.scalar(_ANY_WAITS):
        return 0
    mode = await current_mode(session)
    if mode in {LineMode.PAUSADA, LineMode.DETENIDA}:
        return 0
    granted = grant_places(limits, await _taken(session), await _waiting(session, mode), now)
    return await enqueue_advances(session, [(one.order_id, one.priority.rank) for one in granted])


async def place_in_queue(session: AsyncSession, order: Order, now: datetime) -> int | None:
    """Return how many orders are served no later than this one, itself included; None: no queue."""
    if order.queued_at is None:
        return None
    waiting = rank_waiting(await _waiting(session, LineMode.ACTIVA), now)
    ids: Sequence[UUID] = [one.order_id for one in waiting]
    return ids.index(order.id) + 1 if order.id in ids else None


@dataclass(frozen=True, slots=True)
class PlaceIfApproved:
    """Where an order would stand among those that wait to be built, were its plan approved now."""

    ahead: int
    behind: int
    free: bool
    """Whether it would be built at once."""


async def place_if_approved(
    session: AsyncSession, order: Order, limits: BuildLimits, now: datetime
) -> PlaceIfApproved:
    """Return the place that the order would have; without limits each is built at once."""
    if not limits.any:
        return PlaceIfApproved(0, 0, free=True)
    candidate = _candidate(order, now)
    others = [one for one in await _waiting(session, LineMode.ACTIVA) if one.order_id != order.id]
    ranked = rank_waiting([*others, candidate], now)
    ahead = next(place for place, one in enumerate(ranked) if one.order_id == order.id)
    granted = grant_places(limits, await _taken(session), ranked, now)
    free = any(one.order_id == order.id for one in granted)
    return PlaceIfApproved(ahead, len(ranked) - ahead - 1, free)


async def _queue(change: Change) -> None:
    """Have the order wait: told once, however often it is looked at."""
    order = change.order
    if order.queued_at is not None:
        return
    order.queued_at = change.now
    await change.by(SUPER_AXON).tell(EventKind.EN_COLA, "La orden espera su turno de construcción")
    await change.touch()


async def _taken(session: AsyncSession) -> Occupancy:
    taken = Occupancy()
    for product_type, client, places in (await session.execute(_TAKEN)).all():
        taken.take(product_type, client, places)
    return taken


async def _waiting(session: AsyncSession, mode: LineMode) -> list[Candidate]:
    """Return the orders that wait; while the line drains only those with a run in their past."""
    found = await session.execute(_WAITING, {"begun": mode is LineMode.DRENANDO})
    return [
        Candidate(order_id, product_type, client, Priority(priority), since)
        for order_id, product_type, client, priority, since in found.all()
    ]


def _candidate(order: Order, now: datetime) -> Candidate:
    client = order.cliente_id or str(order.datos_cliente["email"]).lower()
    since = order.queued_at or now
    return Candidate(order.id, order.tipo_producto, client, Priority(order.prioridad), since)
