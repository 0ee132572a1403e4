"""The audit trail."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Text
from sqlmodel import Field

from axon_factory.db.tables.base import JSON, TIME, Table


class AuditRow(Table, table=True):
    """One entry of the audit trail, never changed; `domain.audit` says what its columns mean."""

    __tablename__ = "audit_entries"  # pyright: ignore[reportAssignmentType, reportIncompatibleVariableOverride] — SQLModel declares it for its own default only

    position: int = Field(primary_key=True, sa_type=BigInteger)
    chain: str = Field(sa_type=Text)
    seq: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=TIME)
    actor: str = Field(sa_type=Text)
    actor_name: str = Field(sa_type=Text)
    actor_grant: str | None = Field(default=None, sa_type=Text)
    action: str = Field(sa_type=Text)
    outcome: str = Field(sa_type=Text)
    subject: str | None = Field(default=None, sa_type=Text)
    address: str | None = Field(default=None, sa_type=Text)
    request_id: str | None = Field(default=None, sa_type=Text)
    details: dict[str, Any] = Field(sa_type=JSON)
    previous_hash: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class AuditHead(Table, table=True):
    """The end of a chain of the audit trail; a trigger alone writes it."""

    chain: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(sa_type=BigInteger)
    hash: bytes = Field(sa_type=LargeBinary)
