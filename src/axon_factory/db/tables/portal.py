"""What a client does on the order's page: codes, reported problems, a rating."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, SmallInteger, Text
from sqlmodel import Field

from axon_factory.db.tables.base import TIME, Table


class PortalCode(Table, table=True):
    """A code that was mailed to the order's contact. The code itself is kept nowhere."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    number: int = Field(primary_key=True)
    mac: bytes = Field(sa_type=LargeBinary)
    """Of order, number, address and code, under a key that the database does not have."""
    issued_at: datetime = Field(sa_type=TIME)
    expires_at: datetime = Field(sa_type=TIME)
    tries: int = 0
    """How many wrong codes were typed while it was the newest."""
    used_at: datetime | None = Field(default=None, sa_type=TIME)


class OrderProblem(Table, table=True):
    """A problem that the client has reported; open until a person of the staff closes it."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    number: int = Field(primary_key=True)
    description: str = Field(sa_type=Text)
    reported_by: str = Field(sa_type=Text)
    reported_by_name: str = Field(sa_type=Text)
    reported_at: datetime = Field(sa_type=TIME)
    closed_at: datetime | None = Field(default=None, sa_type=TIME)
    closed_by: str | None = Field(default=None, sa_type=Text)
    closed_by_name: str | None = Field(default=None, sa_type=Text)


class OrderRating(Table, table=True):
    """How satisfied the client is with the delivered product; the newest counts."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    score: int = Field(sa_type=SmallInteger)
    """1 to 5."""
    comment: str = Field(sa_type=Text)
    rated_by: str = Field(sa_type=Text)
    rated_at: datetime = Field(sa_type=TIME)
