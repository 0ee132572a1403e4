"""The promise of an order: made with the approval, paused while the client owes an answer."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.plan import Plan
from axon_factory.domain.progress import Promise, pause, promise, remaining, resume
from axon_factory.domain.states import OrderState
from axon_factory.orders.pace import measured_pace

__all__ = ["make_promise", "pause_promise", "promise_of", "resume_promise"]


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
