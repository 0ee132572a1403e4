"""Let the factory's people see which agents still report on attempts that are over."""

from datetime import UTC, datetime

from axon_factory.db.sessions import Database
from axon_factory.domain.errors import AttemptEnded
from axon_factory.orders.runs.liveness import append_late_report, is_known_late

__all__ = ["record_late_report"]


async def record_late_report(database: Database, late: AttemptEnded) -> None:
    """Put a refused report of an earlier attempt on the order's history, at most one a minute.

    What was asked is not read, and has no effect. Most reports of a minute end at the first look,
    without the order's lock: an agent that does not stop must not hold up the others.
    """
    now = datetime.now(UTC)
    async with database.reading() as session:
        if await is_known_late(session, late.order_id, late.token_id, now):
            return
    async with database.transaction("late_report") as session:
        await append_late_report(
            session,
            late.order_id,
            token_id=late.token_id,
            agent=late.agent,
            attempt=late.attempt,
            now=now,
        )
