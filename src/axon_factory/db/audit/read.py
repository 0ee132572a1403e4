"""Read the audit trail: filtered, a page at a time, by position."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import AuditRow
from axon_factory.domain.audit import AuditRecord, Outcome
from axon_factory.domain.text import timestamp

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
