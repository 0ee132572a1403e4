"""The promise of an order: made from the measured pace, paused while the client owes an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.plan import Plan
from axon_factory.domain.progress import (
    DOCUMENTED_PACE,
    ENOUGH_ORDERS,
    Pace,
    Promise,
    pause,
    promise,
    remaining,
    resume,
)
from axon_factory.domain.states import OrderState

__all__ = [
    "KeptPromises",
    "kept_promises",
    "make_promise",
    "measured_pace",
    "measured_paces",
    "pause_promise",
    "promise_of",
    "resume_promise",
]

_LOOKED_AT = 1000

# From the first entry of construction to delivery, reworks and waits on the way included. The look
# is bounded however many orders there are; the newest ones tell how the factory works now.
_MEASURE = text(
    """
    WITH newest AS (
        SELECT tipo_producto, construccion_iniciada_at AS began, entregado_at AS ended,
               (plan ->> 'estimacion_horas')::double precision AS hours
        FROM orders WHERE estado = 'entregado' ORDER BY created_at DESC LIMIT :looked_at
    ), shares AS (
        SELECT tipo_producto,
               extract(epoch FROM ended - began)::double precision / 3600 / hours AS share
        FROM newest WHERE began IS NOT NULL AND hours > 0
    )
    SELECT tipo_producto, count(*) AS measured,
           percentile_cont(0.1) WITHIN GROUP (ORDER BY share) AS low,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY share) AS high
    FROM shares GROUP BY tipo_producto
    """
)


async def measured_pace(session: AsyncSession, product_type: str) -> Pace:
    """Return the 10th and 90th percentile of hours taken per planned hour for this type.

    Of the newest thousand deliveries, those of the type count; below `ENOUGH_ORDERS` of them the
    documented factors hold.
    """
    return (await measured_paces(session)).get(product_type, DOCUMENTED_PACE)


async def measured_paces(session: AsyncSession) -> Mapping[str, Pace]:
    """Return the paces of all types that enough deliveries say so of, by one statement."""
    rows = await session.execute(_MEASURE, {"looked_at": _LOOKED_AT})
    return {
        row.tipo_producto: Pace(row.low, row.high, row.measured)
        for row in rows
        if row.measured >= ENOUGH_ORDERS
    }


# A promise is of the delivered orders that one was made for; the same orders are looked at.
_KEPT = text(
    """
    WITH newest AS (
        SELECT tipo_producto, entregado_at, promised_until
        FROM orders WHERE estado = 'entregado' ORDER BY created_at DESC LIMIT :looked_at
    )
    SELECT count(*) AS measured, count(*) FILTER (WHERE entregado_at <= promised_until) AS kept
    FROM newest WHERE tipo_producto = :product_type AND promised_until IS NOT NULL
    """
)
ENOUGH_PROMISES = 5
"""Fewer say nothing about how often a promise is kept."""


@dataclass(frozen=True, slots=True)
class KeptPromises:
    """How many delivered orders of a type had a promise, and how many were delivered within it."""

    measured: int
    kept: int

    @property
    def share(self) -> float | None:
        """From 0 to 1, None if too few say so."""
        return None if self.measured < ENOUGH_PROMISES else round(self.kept / self.measured, 3)


async def kept_promises(session: AsyncSession, product_type: str) -> KeptPromises:
    """Return how often the promises of this type were kept, of the newest thousand deliveries."""
    row = (
        await session.execute(_KEPT, {"looked_at": _LOOKED_AT, "product_type": product_type})
    ).one()
    return KeptPromises(row.measured, row.kept)


async def make_promise(session: AsyncSession, order: Order, now: datetime) -> None:
    """Promise the locked order, whose plan is approved now, from the pace that was measured."""
    hours = Plan.model_validate(order.plan).estimacion_horas
    pace = await measured_pace(session, order.tipo_producto)
    left = remaining(OrderState.CONSTRUCCION, hours, 0, pace)
    if left is None:
        raise TypeError("building always takes some time")
    _keep(order, promise(now, left))


def promise_of(order: Order) -> Promise | None:
    """Return what was promised, None before the approval."""
    if order.promised_from is None or order.promised_until is None:
        return None
    return Promise(order.promised_from, order.promised_until, order.paused_at)


def pause_promise(order: Order, now: datetime) -> None:
    """Stop the clock of the locked order's promise, if there is one."""
    made = promise_of(order)
    if made is not None:
        _keep(order, pause(made, now))


def resume_promise(order: Order, now: datetime) -> None:
    """Let the clock of the locked order's promise go on, if it stands still."""
    made = promise_of(order)
    if made is not None:
        _keep(order, resume(made, now))


def _keep(order: Order, made: Promise) -> None:
    order.promised_from, order.promised_until = made.since, made.until
    order.paused_at = made.paused_at
