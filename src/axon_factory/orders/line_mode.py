"""Read in which mode the line runs; `line_control` changes it."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.domain.building import LineMode

__all__ = ["current_mode", "hold_mode", "lock_mode"]

_HOLD = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('axon.line', 0))")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('axon.line', 0))")
_MODE = text("SELECT mode FROM line_controls")


async def current_mode(session: AsyncSession) -> LineMode:
    """Return the mode as it is at this moment."""
    return LineMode(await session.scalar(_MODE))


async def hold_mode(session: AsyncSession) -> LineMode:
    """Return the mode, which nobody changes before the transaction ends.

    So no step begins after whoever paused the line has been answered.
    """
    await session.execute(_HOLD)
    return await current_mode(session)


async def lock_mode(session: AsyncSession) -> None:
    """Wait for those who hold the mode, and keep it from others until the transaction ends."""
    await session.execute(_LOCK)
