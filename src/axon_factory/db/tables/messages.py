"""What is to be told to whom, over which channel, and how each delivery went."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from axon_factory.db.tables.base import JSON, TIME, Table


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
    """Which kind of notification it is; of a mail to the client `cliente.` and its kind."""
    payload: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """What a webhook gets; mail and Slack are written from subject and body."""
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
