"""The audit trail in the database: append, read, verify (ADR 17).

Verification checks every entry in one snapshot, with constant memory. A checkpoint is one digest
over the heads that all chains had at a cut. Kept outside the database, it shows what nothing
inside can: that the owner of the database made a part of the trail anew.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Row, Select, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.row_batches import insert_of
from axon_factory.db.tables import AuditHead, AuditRow
from axon_factory.domain.audit import (
    AuditEntry,
    AuditRecord,
    Break,
    Fault,
    Head,
    Outcome,
    cleaned,
    end_fault,
    first_fault,
)
from axon_factory.domain.text import timestamp

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
    await session.execute(insert(AuditRow).values(record.row()))
    return record


AUDIT = insert_of(AuditRow, *(column.name for column in fields(AuditRecord)))
"""Inserts records of a batch, made by `following`, in their order."""
HEADS = """
    SELECT json_agg(json_build_array(next_position, last_seq, encode(last_hash, 'hex')))
    FROM jsonb_array_elements_text(%(chains)s::jsonb) AS wanted(chain), audit_head(wanted.chain)
"""
"""Locks chains in the order of the parameter `chains` (`chains_of`), until the transaction ends."""


def chains_of(entries: Sequence[AuditEntry]) -> str:
    """Return the parameter `chains` of `HEADS`: a place for each entry, in the order of chains.

    Every transaction locks chains in this order, so that none waits for another in a circle.
    """
    return json.dumps(sorted(entry.chain for entry in entries))


def following(entries: Sequence[AuditEntry], heads: Sequence[Sequence[Any]]) -> list[AuditRecord]:
    """Return the records that put `entries` at the ends of their chains, as they are inserted.

    `heads` is the result of `HEADS`. The chains are locked already.

    Raises:
        ValueError: a detail is not in `domain.audit.DETAILS`.
    """
    now = datetime.now(UTC)
    ends: dict[str, Head] = {}
    records: list[AuditRecord] = []
    in_order = sorted(entries, key=attrgetter("chain"))
    for entry, (position, seq, previous) in zip(in_order, heads, strict=True):
        head = ends.get(entry.chain) or Head(entry.chain, seq, bytes.fromhex(previous))
        record = AuditRecord.after(head, cleaned(entry), position=position, at=now)
        ends[entry.chain] = Head(entry.chain, record.seq, record.hash)
        records.append(record)
    return records


_DEFAULT_ROWS = 100

COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    AuditRow.metadata.tables["audit_entries"].c[field.name] for field in fields(AuditRecord)
)
"""Those of a record in its order: as entities, rows would take three times as long to read."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries; None leaves a filter out.

    With `after` the oldest entries behind that position come first, else the newest (before
    `before`).
    """

    chain: str | None = None
    actor: str | None = None
    action: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: int | None = None
    before: int | None = None
    limit: int = _DEFAULT_ROWS


async def list_audit(session: AsyncSession, query: AuditQuery) -> Sequence[AuditRecord]:
    """Return at most `query.limit` entries in the order that `AuditQuery` says."""
    position = col(AuditRow.position)
    order = position.desc() if query.after is None else position.asc()
    rows = await session.execute(_filtered(query).order_by(order).limit(query.limit))
    return [AuditRecord(*row) for row in rows]


def audit_document(record: AuditRecord) -> dict[str, Any]:
    """Return an entry as the API and the command line show it."""
    return {
        "posicion": record.position,
        "cadena": record.chain,
        "secuencia": record.seq,
        "fecha": timestamp(record.at),
        # The hash covers them.
        "microsegundos": record.at.microsecond,
        "actor": record.actor,
        "actor_nombre": record.actor_name,
        "permiso": record.actor_grant,
        "accion": record.action,
        "resultado": record.outcome,
        "objeto": record.subject,
        "direccion": record.address,
        "solicitud_id": record.request_id,
        "detalles": record.details,
        "hash_anterior": record.previous_hash.hex(),
        "hash": record.hash.hex(),
    }


def _filtered(query: AuditQuery) -> Select[Any]:
    statement = select(*COLUMNS)
    wanted = (
        (AuditRow.chain, query.chain),
        (AuditRow.actor, query.actor),
        (AuditRow.action, query.action),
        (AuditRow.outcome, query.outcome),
    )
    for column, value in wanted:
        if value is not None:
            statement = statement.where(col(column) == value)
    if query.since is not None:
        statement = statement.where(col(AuditRow.at) >= query.since)
    if query.until is not None:
        statement = statement.where(col(AuditRow.at) < query.until)
    if query.after is not None:
        statement = statement.where(col(AuditRow.position) > query.after)
    if query.before is not None:
        statement = statement.where(col(AuditRow.position) < query.before)
    return statement


_MOST_BREAKS = 20
_STREAMED = {"yield_per": 1000}

# The function audit_head (migration 0005) takes the same number.
_WAIT_FOR_WRITERS = text("SELECT pg_advisory_xact_lock(418581342580)")
_NEWEST = text("SELECT coalesce(max(position), 0) FROM audit_entries")
_NO_TIMEOUT = text("SET LOCAL statement_timeout = 0")
_HEADS_ALONE = (
    select(AuditHead)
    .where(
        col(AuditHead.seq) > 0,
        ~select(AuditRow).where(col(AuditRow.chain) == col(AuditHead.chain)).exists(),
    )
    .order_by(col(AuditHead.chain))
)
_ENTRIES = (
    select(*COLUMNS, col(AuditHead.seq), col(AuditHead.hash))
    .select_from(AuditRow)
    .outerjoin(AuditHead, col(AuditHead.chain) == col(AuditRow.chain))
    .order_by(col(AuditRow.chain), col(AuditRow.seq))
)


class Checkpoint(BaseModel):
    """What is kept outside the database.

    `digest` is the SHA-256 over `<length>:<chain><seq>:<hash>` of the last entry up to `position`
    of each chain, by chain.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(1, ge=1, le=1)
    at: datetime
    position: int = Field(ge=0)
    entries: int = Field(ge=0)
    chains: int = Field(ge=0)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


@dataclass(slots=True)
class Verification:
    """What a check saw.

    Attributes:
        entries: Entries that were read.
        chains: Chains that have any.
        broken_chains: Chains that do not hold.
        breaks: Of the first of them, where and why.
        checkpoint: The trail up to the cut, to be kept or compared.
    """

    entries: int = 0
    chains: int = 0
    broken_chains: int = 0
    breaks: list[Break] = field(default_factory=list[Break])
    checkpoint: Checkpoint | None = None

    @property
    def holds(self) -> bool:
        """True when every chain does."""
        return not self.broken_chains

    def add(self, found: Break) -> None:
        """Count a chain that does not hold."""
        self.broken_chains += 1
        if len(self.breaks) < _MOST_BREAKS:
            self.breaks.append(found)


async def cut(session: AsyncSession) -> int:
    """Return the newest position, once no transaction can still write a lower one.

    Writers wait until the session's transaction ends: end it at once.
    """
    await session.execute(_WAIT_FOR_WRITERS)
    return await session.scalar(_NEWEST) or 0


async def verify_audit(session: AsyncSession, position: int) -> Verification:
    """Check all chains, from the first entry to the head.

    Args:
        session: A new one; it is made to read one snapshot, for as long as it takes.
        position: Up to where the checkpoint of the result goes: a result of `cut`, or of an earlier
            checkpoint.
    """
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    await session.execute(_NO_TIMEOUT)
    walk = _Walk(position)
    async for record, following, head in _entries(session):
        walk.take(record, following, head)
    lonely = await session.stream_scalars(_HEADS_ALONE, execution_options=_STREAMED)
    async for head in lonely:
        walk.result.add(Break(head.chain, 1, Fault.TRUNCATED))
    return walk.finished()


_Streamed = tuple[AuditRecord, AuditRecord | None, Head | None]
"""An entry, the next one of its chain, and the chain's head."""


async def _entries(session: AsyncSession) -> AsyncIterator[_Streamed]:
    """Yield all entries by chain and number."""
    rows = await session.stream(_ENTRIES, execution_options=_STREAMED)
    held: tuple[AuditRecord, Head | None] | None = None
    # Row by row, waiting for each would take longer than checking it.
    async for batch in rows.partitions():
        for row in batch:
            record, head = _read(row)
            if held:
                following = record if record.chain == held[0].chain else None
                yield held[0], following, held[1]
            held = record, head
    if held:
        yield held[0], None, held[1]


def _read(row: Row[Any]) -> tuple[AuditRecord, Head | None]:
    record = AuditRecord(*row[: len(COLUMNS)])
    head_seq, head_hash = row[len(COLUMNS) :]
    return record, Head(record.chain, head_seq, head_hash) if head_hash else None


class _Walk:
    """Goes from entry to entry, and remembers of each chain only the last."""

    def __init__(self, position: int) -> None:
        """`position` is up to where the checkpoint goes."""
        self.result = Verification()
        self._position = position
        self._digest = hashlib.sha256()
        self._cut_entries = 0
        self._cut_chains = 0
        self._before: AuditRecord | None = None
        self._before_cut: AuditRecord | None = None
        self._is_broken = False

    def take(self, record: AuditRecord, following: AuditRecord | None, head: Head | None) -> None:
        """Check the next entry of a chain, and its end with the last."""
        self.result.entries += 1
        self._check(first_fault(record, self._before, following))
        self._before = record
        if record.position <= self._position:
            self._cut_entries += 1
            self._before_cut = record
        if following is None:
            self._check(end_fault(record, head))
            self._end_chain()

    def finished(self) -> Verification:
        """Return the result, once everything was taken."""
        self.result.checkpoint = Checkpoint(
            version=1,
            at=datetime.now(UTC),
            position=self._position,
            entries=self._cut_entries,
            chains=self._cut_chains,
            digest=self._digest.hexdigest(),
        )
        return self.result

    def _check(self, found: Break | None) -> None:
        if found and not self._is_broken:
            self._is_broken = True
            self.result.add(found)

    def _end_chain(self) -> None:
        self.result.chains += 1
        if self._before_cut is not None:
            self._cut_chains += 1
            chain = self._before_cut.chain.encode()
            self._digest.update(b"%d:%b%d:" % (len(chain), chain, self._before_cut.seq))
            self._digest.update(self._before_cut.hash)
        self._before, self._before_cut, self._is_broken = None, None, False
