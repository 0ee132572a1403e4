"""Who may come in, what the API keeps about requests, the audit trail, and messages that leave."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    LargeBinary,
    SmallInteger,
    Text,
    and_,
    or_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, col

from axon_factory.db.tables.base import JSON, TIME, Table


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
    """An API key; only a MAC of its secret is kept. `family`: the first key of its rotations."""

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
    def holds_at(cls, now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
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


class AccountLink(Table, table=True):
    """A link by which a user chooses a password, sent by mail; only a MAC of its token is kept."""

    id: str = Field(primary_key=True, sa_type=Text)
    user_id: UUID = Field(foreign_key="users.id")
    kind: str = Field(sa_type=Text)
    """"invitacion" or "restablecer"."""
    secret_mac: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=TIME)
    created_by: str = Field(sa_type=Text)
    language: str = Field(sa_type=Text)
    """"es" or "en": of its mail, and of the page that it opens."""
    expires_at: datetime = Field(sa_type=TIME)
    used_at: datetime | None = Field(default=None, sa_type=TIME)
    revoked_at: datetime | None = Field(default=None, sa_type=TIME)
    """When a newer link or another change of the account ended it."""


class LoginThrottle(Table, table=True):
    """How many logins an account, an address or all together tried in the current window."""

    bucket: str = Field(primary_key=True, sa_type=Text)
    attempts: int
    opened_at: datetime = Field(sa_type=TIME)


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


class NotificationDestination(Table, table=True):
    """Where notifications go besides mail: a webhook or a Slack-compatible one.

    The address may itself be a secret, so it is sealed like the signing secret; `host` is what
    answers and logs show.
    """

    id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    """"webhook" or "slack"."""
    name: str = Field(sa_type=Text)
    """Unique among those of its owner that are not deleted."""
    host: str = Field(sa_type=Text)
    events: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    """Kinds of notification that it gets; empty: all that its owner may read."""
    owner: str | None = Field(default=None, sa_type=Text)
    """Family of the API keys that it belongs to; None: the factory's administrators."""
    client_ids: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    """It is told of the orders of these clients only; empty: of all."""
    tags: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    """It is told of orders that have all of these."""
    sealed: dict[str, Any] = Field(sa_type=JSON)
    """Name to envelope (base64): "url", and of a webhook "secret" and "previous_secret"."""
    previous_secret_until: datetime | None = Field(default=None, sa_type=TIME)
    """Until when deliveries are also signed with the secret before."""
    active: bool = True
    disabled_reason: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=TIME)
    created_by: str = Field(sa_type=Text)
    deleted_at: datetime | None = Field(default=None, sa_type=TIME)
    """Its address and secrets went with it; the row stays for the delivery log."""
    version: int = 1


class OutboxMessage(Table, table=True):
    """A message to be sent, written in the transaction of what it tells of (resolutions 26)."""

    id: UUID = Field(primary_key=True)
    dedupe_key: str = Field(sa_type=Text, unique=True)
    order_id: UUID | None = Field(default=None, foreign_key="orders.id")
    channel: str = Field(default="mail", sa_type=Text)
    """"mail", "webhook" or "slack"."""
    destination_id: UUID | None = Field(default=None, foreign_key="notification_destinations.id")
    """Where it goes; None for mail."""
    event: str | None = Field(default=None, sa_type=Text)
    """Which kind of notification it is; of a mail to the client `cliente.` and its kind,
    of a mail about an account `cuenta.` and its kind."""
    payload: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """What a webhook gets; mail and Slack are written from subject and body.

    Of a mail about an account the sealed secret that its body lacks
    (`orders.notifications.sealing`)."""
    recipient: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    html: str | None = Field(default=None, sa_type=Text)
    """The same content as HTML, of a mail that has it."""
    created_at: datetime = Field(sa_type=TIME)
    attempts: int = 0
    """Tries since it was written or last delivered anew; the log counts on."""
    sent_at: datetime | None = Field(default=None, sa_type=TIME)
    given_up_at: datetime | None = Field(default=None, sa_type=TIME)
    """When it was tried for the last time, without success."""
    last_error: str | None = Field(default=None, sa_type=Text)


class OutboxAttempt(Table, table=True):
    """One try at delivering a message: the delivery log."""

    message_id: UUID = Field(primary_key=True, foreign_key="outbox_messages.id")
    number: int = Field(primary_key=True)
    started_at: datetime = Field(sa_type=TIME)
    duration_ms: int
    delivered: bool
    status: int | None = Field(default=None, sa_type=SmallInteger)
    """HTTP status of the answer, where there was one."""
    error: str | None = Field(default=None, sa_type=Text)
