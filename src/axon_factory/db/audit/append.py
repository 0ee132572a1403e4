"""Append one entry to its chain, in the caller's transaction."""

from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import AuditRow
from axon_factory.domain.audit import AuditEntry, AuditRecord, Head, cleaned

_HEAD = text("SELECT next_position, last_seq, last_hash FROM audit_head(:chain)")


async def append_audit(session: AsyncSession, entry: AuditEntry) -> AuditRecord:
    """Put `entry` at the end of its chain; return what was stored.

    The chain stays locked until the transaction ends: append last, and where several chains are
    written by one transaction, always in the same order.

    Raises:
        ValueError: a detail is not in `domain.audit.DETAILS`.
    """
    entry = cleaned(entry)
    found = await session.execute(_HEAD, {"chain": entry.chain})
    position, seq, previous = found.one()
    # Read after the lock, so that the times of a chain are in its order.
    now = datetime.now(UTC)
    record = AuditRecord.after(
        Head(entry.chain, seq, bytes(previous)), entry, position=position, at=now
    )
    await session.execute(insert(AuditRow).values(asdict(record)))
    return record
