"""Who may come in: users, sessions, keys, tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, Text, and_, or_
from sqlmodel import Field, col

from axon_factory.db.tables.base import TIME, Table


class User(Table, table=True):
    """A person who may log in."""

    id: UUID = Field(primary_key=True)
    email: str = Field(sa_type=Text, unique=True)
    nombre: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    cliente_id: str | None = Field(default=None, sa_type=Text)
    password_hash: str = Field(sa_type=Text)
    must_change_password: bool = False
    active: bool = True
    created_at: datetime = Field(sa_type=TIME)
    last_login_at: datetime | None = Field(default=None, sa_type=TIME)
    password_changed_at: datetime = Field(sa_type=TIME)
    version: int = 1


class ApiKey(Table, table=True):
    """An API key; only a MAC of its secret is kept. `family` is the first of those it continues."""

    id: str = Field(primary_key=True, sa_type=Text)
    family: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    scope: str = Field(sa_type=Text)
    secret_mac: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=TIME)
    created_by: str = Field(sa_type=Text)
    expires_at: datetime | None = Field(default=None, sa_type=TIME)
    revoked_at: datetime | None = Field(default=None, sa_type=TIME)
    last_used_at: datetime | None = Field(default=None, sa_type=TIME)

    @classmethod
    def holds_at(cls, now: datetime) -> ColumnElement[bool]:
        """Return the condition that a key is neither revoked nor expired."""
        expires_at = col(cls.expires_at)
        return and_(col(cls.revoked_at).is_(None), or_(expires_at.is_(None), expires_at > now))


class SystemToken(Table, table=True):
    """An agent's token: for one attempt at one order, or permanent and limited to PATCH."""

    id: str = Field(primary_key=True, sa_type=Text)
    agent: str = Field(sa_type=Text)
    role: str = Field(default="builder", sa_type=Text)
    """Its actor of design §6.2: builder, council or ops."""
    secret_mac: bytes = Field(sa_type=LargeBinary)
    order_id: UUID | None = Field(default=None, foreign_key="orders.id")
    intento: int | None = None
    created_at: datetime = Field(sa_type=TIME)
    created_by: str = Field(sa_type=Text)
    expires_at: datetime | None = Field(default=None, sa_type=TIME)
    revoked_at: datetime | None = Field(default=None, sa_type=TIME)


class UserSession(Table, table=True):
    """One login of a user, for as long as it can be refreshed."""

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="users.id")
    created_at: datetime = Field(sa_type=TIME)
    last_used_at: datetime = Field(sa_type=TIME)
    expires_at: datetime = Field(sa_type=TIME)
    revoked_at: datetime | None = Field(default=None, sa_type=TIME)
    address: str = Field(sa_type=Text)
    user_agent: str = Field(sa_type=Text)
    refresh_id: str = Field(sa_type=Text)
    """Id of the one refresh token that serves now."""
    previous_refresh_id: str | None = Field(default=None, sa_type=Text)
    """Id of the one that served until `last_used_at`."""


class RefreshToken(Table, table=True):
    """A refresh token that was handed out; used ones stay, so that their return is noticed."""

    id: str = Field(primary_key=True, sa_type=Text)
    session_id: UUID = Field(foreign_key="user_sessions.id", ondelete="CASCADE")
    secret_mac: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=TIME)


class LoginThrottle(Table, table=True):
    """How many logins one account, one address or everybody has tried in the current window."""

    bucket: str = Field(primary_key=True, sa_type=Text)
    attempts: int
    opened_at: datetime = Field(sa_type=TIME)
