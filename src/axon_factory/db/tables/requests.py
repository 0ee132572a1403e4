"""What the API keeps about requests."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, SmallInteger, Text
from sqlmodel import Field

from axon_factory.db.tables.base import JSON, TIME, Table


class RateLimit(Table, table=True):
    """How many requests of one caller are counted in the current window (api/rate_limits.py)."""

    bucket: str = Field(primary_key=True, sa_type=Text)
    used: int
    granted: int
    """Of the newest lease."""
    window_ends: datetime = Field(sa_type=TIME)


class IdempotencyKey(Table, table=True):
    """The answer of a write, sealed, under the key that its caller gave it (`api.idempotency`)."""

    principal: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    status: int = Field(sa_type=SmallInteger)
    headers: dict[str, Any] = Field(sa_type=JSON)
    ciphertext: bytes = Field(sa_type=LargeBinary)
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    key_id: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=TIME)
    expires_at: datetime = Field(sa_type=TIME)
    order_id: UUID | None = None
    """The order that the answer is about; an erased order takes it along."""
