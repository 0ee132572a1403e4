"""A turn: what one job may do with its order before others get theirs (ADR 41)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.pipeline import ask
from axon_factory.db.tables import Order
from axon_factory.domain.building import Priority
from axon_factory.domain.errors import OrderNotFound
from axon_factory.jobs.queue import (
    HeldAdvance,
    enqueue_advance,
    hold_advance,
    release_advance,
)
from axon_factory.orders.change import Change
from axon_factory.orders.line_mode import HOLD, mode_is_held
from axon_factory.orders.notifications.outbox import tell_nobody

__all__ = [
    "Turn",
    "TurnLimits",
    "afresh",
    "lock_known_order",
    "pass_on",
    "remember_order",
    "single_step",
    "take_over",
]


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """After so many steps or seconds a turn ends. A step that runs then is not interrupted."""

    steps: int = 50
    seconds: float = 1.0


@dataclass(slots=True)
class Turn:
    """The steps that one job does with one order."""

    limits: TurnLimits
    stopping: Callable[[], bool] = _never
    """Whether the worker is to stop: it begins no other step then."""
    done: int = 0
    known: "KnownOrder | None" = None
    """The order as the turn's last transaction has left it."""
    looked: float | None = None
    """When the machine was last looked at, on the monotonic clock."""
    _begun: float = field(default_factory=time.monotonic)

    @property
    def is_single(self) -> bool:
        """Whether each step has a job of its own."""
        return self.limits.steps == 1

    @property
    def is_over(self) -> bool:
        """Whether another job has to go on with the order."""
        return (
            self.done >= self.limits.steps
            or time.monotonic() - self._begun >= self.limits.seconds
            or self.stopping()
        )


def single_step() -> Turn:
    """Return a turn of one step."""
    return Turn(TurnLimits(steps=1))


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order in memory, and by which row versions it is still the one of the database."""

    order: Order
    rows: frozenset[tuple[str, int, int, int]]


# The row's lock comes first, then that of the line's mode (`hold_mode`), then those of places.
# `xmin` is the transaction that has written the row.
_LOCK = text(
    f"""
    WITH locked AS MATERIALIZED (
        SELECT xmin::text AS written, version, fence, event_seq
        FROM orders WHERE id = :order_id FOR UPDATE
    )
    SELECT written, version, fence, event_seq, pg_current_xact_id()::xid::text AS this, {HOLD},
           EXISTS (SELECT FROM notification_destinations WHERE active) AS is_told
    FROM locked
    """  # noqa: S608 — a constant of the program
)


async def lock_known_order(session: AsyncSession, order_id: UUID, turn: Turn) -> Order:
    """Return the order, its row locked; it is read only if somebody else has written it.

    Raises:
        OrderNotFound: there is none.
    """
    known, turn.known = turn.known, None
    found = await ask(session, _LOCK, {"order_id": order_id})
    if found is None:
        raise OrderNotFound(str(order_id))
    row = (found.written, found.version, found.fence, found.event_seq)
    if known is not None and row in known.rows:
        session.add(known.order)
        order = known.order
    else:
        order = await session.get_one(Order, order_id, populate_existing=True)
    session.info[_ROW] = found
    mode_is_held(session)
    if not found.is_told:
        tell_nobody(session)
    return order


_ROW = "locked_row"


def remember_order(session: AsyncSession, order: Order) -> KnownOrder:
    """Return the order as the session's transaction leaves it. Call it at the transaction's end."""
    found = session.info[_ROW]
    numbers = (order.version, order.fence, order.event_seq)
    rows = frozenset({(found.this, *numbers), (found.written, *numbers)})
    return KnownOrder(order, rows)


def take_over(change: Change, turn: Turn) -> HeldAdvance | None:
    """Have what is due next wait for this turn, not for a job. None: each step has its own."""
    return None if turn.is_single else hold_advance(change.tx, change.order.id)


async def pass_on(change: Change) -> None:
    """End the turn: another job goes on with the locked order."""
    release_advance(change.tx)
    rank = Priority(change.order.prioridad).rank
    await enqueue_advance(change.tx, change.order.id, rank=rank)


def afresh(change: Change) -> Change:
    """Return the change at the present moment."""
    return replace(change, now=datetime.now(UTC))
