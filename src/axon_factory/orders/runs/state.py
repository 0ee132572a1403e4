"""Runs of builders: one an attempt, remembered until it is known to have ended.

A run that its order does not want any more is to be stopped, also if the order moves on meanwhile.
The line asks the run to stop, and forces it by a deadline. Its tokens die with its right to report.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.sessions import flush_unless_joined
from axon_factory.db.tables import Order, OrderSession, SystemToken
from axon_factory.domain.building import BuilderName
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import timestamp
from axon_factory.ports.builder import ReportedProgress

__all__ = [
    "LINE",
    "OWN_BUILDER",
    "RunEnd",
    "adopt_run",
    "begin_run",
    "current_run",
    "end_run",
    "find_run",
    "give_up_runs",
    "keep_report",
    "release_run",
    "reported_percent",
    "unwanted_run",
]

OWN_BUILDER: Final = BuilderName.TEMPLATES
"""The factory itself: it builds within the call, and nothing of it goes on by itself."""

LINE: Final = "worker"
"""Id of the line as an actor; the tokens that it hands to agents are minted in its name."""


class RunEnd(StrEnum):
    """How a run ended."""

    FINISHED = "terminada"
    STOPPED = "detenida"
    ABANDONED = "abandonada"
    LOST = "perdida"


async def runs_of(tx: AsyncSession, order: Order) -> list[OrderSession]:
    """Return the order's runs, the oldest first."""
    query = select(OrderSession).where(col(OrderSession.order_id) == order.id)
    return list(await tx.scalars(query.order_by(col(OrderSession.intento))))


async def find_run(tx: AsyncSession, order: Order, attempt: int) -> OrderSession | None:
    """Return the run of an attempt, if it ever had one."""
    return await tx.get(OrderSession, (order.id, attempt))


async def current_run(tx: AsyncSession, order: Order) -> OrderSession | None:
    """Return the open run of the order's attempt, None if there is none."""
    found = await find_run(tx, order, order.intento)
    return found if found is not None and found.ended_at is None else None


class RunState(Protocol):
    """What of a run says whether its order still wants it."""

    @property
    def intento(self) -> int: ...
    @property
    def ended_at(self) -> object | None: ...
    @property
    def stop_requested_at(self) -> object | None: ...


_Run = TypeVar("_Run", bound=RunState)


def unwanted_run(order: Order, runs: Sequence[_Run]) -> _Run | None:
    """Return the oldest run that is still open though the order does not want it."""
    building = order.estado == OrderState.CONSTRUCCION
    return next(
        (
            one
            for one in runs
            if one.ended_at is None
            and (one.stop_requested_at or one.intento < order.intento or not building)
        ),
        None,
    )


async def begin_run(tx: AsyncSession, order: Order, builder: str, now: datetime) -> OrderSession:
    """Remember that the locked order's attempt has a run, before a builder is asked for it."""
    begun = await find_run(tx, order, order.intento)
    if begun is None:
        begun = OrderSession(
            order_id=order.id, intento=order.intento, builder=builder, started_at=now
        )
        tx.add(begun)
    order.session_open = True
    order.queued_at = None
    await flush_unless_joined(tx)
    return begun


async def adopt_run(
    tx: AsyncSession, order: Order, session_id: str, builder: str, now: datetime
) -> None:
    """Take note of a run that a PATCH reports for the locked order under construction.

    It takes a place without having been given one.
    """
    known = await find_run(tx, order, order.intento)
    if known is not None and known.ended_at is not None:
        return
    adopted = known or await begin_run(tx, order, builder, now)
    adopted.session_id = session_id


async def release_run(
    tx: AsyncSession, order: Order, now: datetime, *, reviewed: bool = False
) -> None:
    """Have the open run of the locked order's attempt stopped: it is not wanted any more.

    What it reports from now on is refused, because its tokens die here. `reviewed`: it has handed
    over its work, and may report until it has ended.
    """
    order.session_open = False
    order.silence = None
    order.queued_at = None
    current = await current_run(tx, order)
    if current is None or current.stop_requested_at is not None:
        return
    current.stop_requested_at = now
    if not reviewed:
        await _revoke_tokens(tx, current, now)
    await flush_unless_joined(tx)


async def end_run(
    tx: AsyncSession, order: Order, ended: OrderSession, how: RunEnd, now: datetime
) -> None:
    """Note that a run of the locked order has ended; a second time changes nothing.

    The end of a run frees a place: call `capacity.free_place`.
    """
    if ended.ended_at is not None:
        return
    ended.ended_at, ended.outcome = now, how
    if ended.intento == order.intento:
        order.session_open = False
        order.silence = None
    if how is not RunEnd.FINISHED:
        await _revoke_tokens(tx, ended, now)
    await flush_unless_joined(tx)


async def give_up_runs(tx: AsyncSession, order: Order, now: datetime) -> None:
    """End every open run of an order whose records do not say how to reach them."""
    order.session_open = False
    for one in await runs_of(tx, order):
        await end_run(tx, order, one, RunEnd.ABANDONED, now)


async def _revoke_tokens(tx: AsyncSession, of: OrderSession, now: datetime) -> None:
    """Revoke what the line has handed to the run; tokens of other making are left alone."""
    await tx.execute(
        update(SystemToken)
        .where(
            col(SystemToken.order_id) == of.order_id,
            col(SystemToken.intento) == of.intento,
            col(SystemToken.created_by) == LINE,
            col(SystemToken.revoked_at).is_(None),
        )
        .values(revoked_at=now)
    )


_MOST_MILESTONES = 100
_LONGEST_NAME = 120


def keep_report(order: Order, said: ReportedProgress, now: datetime) -> None:
    """Keep the agent's newest word about the locked order; what it leaves out stays as it was."""
    kept: dict[str, Any] = dict(order.reported or {})
    if said.percent is not None:
        kept["percent"] = max(0, min(100, said.percent))
    if said.completed_actions is not None:
        kept["completed_actions"] = max(0, said.completed_actions)
    if said.milestones:
        kept["milestones"] = [name[:_LONGEST_NAME] for name in said.milestones[:_MOST_MILESTONES]]
    order.reported = {**kept, "at": timestamp(now)}


def reported_percent(order: Order) -> int | None:
    """Return the percentage that the agent gives of itself, None if it gives none."""
    return (order.reported or {}).get("percent")
