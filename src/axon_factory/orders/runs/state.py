"""Runs of builders: one an attempt, remembered until it is known to have ended.

A run that its order does not want any more is to be stopped, whatever the order does meanwhile. The
line asks it, and forces it by a deadline. Its tokens die with its right to report.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderSession, SystemToken
from axon_factory.domain.builders import BuilderName
from axon_factory.domain.states import OrderState
from axon_factory.domain.times import timestamp
from axon_factory.ports.builder import ReportedProgress

__all__ = [
    "LINE",
    "OWN_BUILDER",
    "SessionEnd",
    "adopt_session",
    "begin_session",
    "current_session",
    "end_session",
    "find_session",
    "give_up_sessions",
    "keep_report",
    "release_session",
    "reported_percent",
    "sessions_of",
    "unwanted_session",
]

OWN_BUILDER: Final = BuilderName.TEMPLATES
"""The factory itself: it builds within the call, and nothing of it goes on by itself."""

LINE: Final = "worker"
"""Id of the line as an actor; the tokens that it hands to agents are minted in its name."""


class SessionEnd(StrEnum):
    """How a session ended."""

    FINISHED = "terminada"
    STOPPED = "detenida"
    ABANDONED = "abandonada"
    LOST = "perdida"


async def sessions_of(session: AsyncSession, order: Order) -> list[OrderSession]:
    """Return the order's sessions, the oldest first."""
    query = select(OrderSession).where(col(OrderSession.order_id) == order.id)
    return list(await session.scalars(query.order_by(col(OrderSession.intento))))


async def find_session(session: AsyncSession, order: Order, attempt: int) -> OrderSession | None:
    """Return the session of an attempt, if it ever had one."""
    return await session.get(OrderSession, (order.id, attempt))


async def current_session(session: AsyncSession, order: Order) -> OrderSession | None:
    """Return the open session of the order's attempt, None if there is none."""
    found = await find_session(session, order, order.intento)
    return found if found is not None and found.ended_at is None else None


def unwanted_session(order: Order, sessions: list[OrderSession]) -> OrderSession | None:
    """Return the oldest session that is still open though the order does not want it."""
    building = order.estado == OrderState.CONSTRUCCION
    return next(
        (
            one
            for one in sessions
            if one.ended_at is None
            and (one.stop_requested_at or one.intento < order.intento or not building)
        ),
        None,
    )


async def begin_session(
    session: AsyncSession, order: Order, builder: str, now: datetime
) -> OrderSession:
    """Remember, before it is asked for, that this attempt has a session; the order is locked."""
    begun = await find_session(session, order, order.intento)
    if begun is None:
        begun = OrderSession(
            order_id=order.id, intento=order.intento, builder=builder, started_at=now
        )
        session.add(begun)
    order.session_open = True
    order.queued_at = None
    await session.flush()
    return begun


async def adopt_session(
    session: AsyncSession, order: Order, session_id: str, builder: str, now: datetime
) -> None:
    """Take note of a session that somebody reports for the locked order under construction.

    It takes a place without having been given one.
    """
    known = await find_session(session, order, order.intento)
    if known is not None and known.ended_at is not None:
        return
    adopted = known or await begin_session(session, order, builder, now)
    adopted.session_id = session_id


async def release_session(
    session: AsyncSession, order: Order, now: datetime, *, reviewed: bool = False
) -> None:
    """Have the open session of the locked order's attempt stopped: it is not wanted any more.

    What it reports from now on is refused, because its tokens die here. `reviewed`: it has handed
    over its work, and may report until it has ended.
    """
    order.session_open = False
    order.silence = None
    order.queued_at = None
    current = await current_session(session, order)
    if current is None or current.stop_requested_at is not None:
        return
    current.stop_requested_at = now
    if not reviewed:
        await _revoke_tokens(session, current, now)
    await session.flush()


async def end_session(
    session: AsyncSession, order: Order, ended: OrderSession, how: SessionEnd, now: datetime
) -> None:
    """Note that a session of the locked order has ended; a second time changes nothing.

    Whoever ends one frees a place: see `capacity.free_place`.
    """
    if ended.ended_at is not None:
        return
    ended.ended_at, ended.outcome = now, how
    if ended.intento == order.intento:
        order.session_open = False
        order.silence = None
    if how is not SessionEnd.FINISHED:
        await _revoke_tokens(session, ended, now)
    await session.flush()


async def give_up_sessions(session: AsyncSession, order: Order, now: datetime) -> None:
    """End every open session of an order whose records do not say how to reach them."""
    order.session_open = False
    for one in await sessions_of(session, order):
        await end_session(session, order, one, SessionEnd.ABANDONED, now)


async def _revoke_tokens(session: AsyncSession, of: OrderSession, now: datetime) -> None:
    """Revoke what the line has handed to the session; tokens of other making are left alone."""
    await session.execute(
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
