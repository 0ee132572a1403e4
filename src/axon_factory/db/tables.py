"""SQLModel tables. They do not validate: request schemas and database CHECKs do (resolutions 4).

The migrations are the schema's source; these classes map it. Column names that the design names
are the design's; the rest is English where the design is silent about a concept of its own.
"""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Computed,
    DateTime,
    Double,
    Identity,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel

__all__ = [
    "ApiKey",
    "AuditHead",
    "AuditRow",
    "IdempotencyKey",
    "LoginThrottle",
    "Order",
    "OrderCheck",
    "OrderCredential",
    "OrderEvent",
    "OrderMilestone",
    "OrderPlan",
    "OrderStage",
    "OrderStep",
    "OutboxMessage",
    "RateLimit",
    "RefreshToken",
    "SystemToken",
    "User",
    "UserSession",
]

_TIME = DateTime(timezone=True)
_JSON = JSONB(none_as_null=True)
_PRIORITY_RANK = (
    "CASE prioridad WHEN 'urgente' THEN 3 WHEN 'alta' THEN 2 WHEN 'normal' THEN 1 ELSE 0 END"
)


class _Table(SQLModel):
    """Names the table after the class: OrderEvent is kept in order_events."""

    @declared_attr.directive
    @classmethod
    def __tablename__(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] — SQLModel declares it for its own default only
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower() + "s"


class Order(_Table, table=True):
    """The only truth about an order (design §2.1). `estado` is written by `orders.transitions`."""

    id: UUID = Field(primary_key=True)
    order_number: str = Field(sa_type=Text, unique=True)
    slug: str = Field(sa_type=Text, unique=True)
    tipo_producto: str = Field(sa_type=Text)
    nombre_producto: str = Field(sa_type=Text)
    cliente_id: str | None = Field(default=None, sa_type=Text)
    datos_cliente: dict[str, Any] = Field(sa_type=_JSON)
    estado: str = Field(default="nuevo", sa_type=Text)
    plan_estado: str | None = Field(default=None, sa_type=Text)
    plan: dict[str, Any] | None = Field(default=None, sa_type=_JSON)
    plan_version: int = 0
    plan_hash: str | None = Field(default=None, sa_type=Text)
    repo_url: str | None = Field(default=None, sa_type=Text)
    deploy_url: str | None = Field(default=None, sa_type=Text)
    resultado: dict[str, Any] | None = Field(default=None, sa_type=_JSON)
    progreso: int = Field(default=0, sa_type=SmallInteger)
    asignado_a: str | None = Field(default=None, sa_type=Text)
    session_id: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=_TIME)
    updated_at: datetime = Field(sa_type=_TIME)
    planificado_at: datetime | None = Field(default=None, sa_type=_TIME)
    aprobado_at: datetime | None = Field(default=None, sa_type=_TIME)
    construccion_iniciada_at: datetime | None = Field(default=None, sa_type=_TIME)
    qa_iniciada_at: datetime | None = Field(default=None, sa_type=_TIME)
    listo_at: datetime | None = Field(default=None, sa_type=_TIME)
    entregado_at: datetime | None = Field(default=None, sa_type=_TIME)
    fallido_at: datetime | None = Field(default=None, sa_type=_TIME)
    cancelado_at: datetime | None = Field(default=None, sa_type=_TIME)
    prioridad: str = Field(default="normal", sa_type=Text)
    prioridad_rank: int = Field(
        default=None,
        sa_type=SmallInteger,
        sa_column_args=[Computed(_PRIORITY_RANK, persisted=True)],
    )
    tags: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    notas_internas: str = Field(default="", sa_type=Text)
    version: int = 1
    """Grows by one with every write; the ETag of the API."""
    fence: int = 0
    """Fencing token: grows when a step begins or the state changes; outcomes must carry it."""
    intento: int = 1
    retrabajos: int = 0
    """How often the council has sent it back."""
    espera: str | None = Field(default=None, sa_type=Text)
    """Whom the order waits for outside `planificacion`: "persona", or nobody."""
    fallo: dict[str, Any] | None = Field(default=None, sa_type=_JSON)
    session_open: bool = False
    deployment_open: bool = False
    precio: Decimal = Field(sa_type=Numeric(12, 2))
    moneda: str = Field(sa_type=Text)
    catalogo: dict[str, Any] = Field(sa_type=_JSON)
    tenant: str = Field(sa_type=Text)
    event_seq: int = 0
    created_by: str = Field(sa_type=Text)
    position: int = Field(default=None, sa_column_args=[Identity(always=True)])
    """A small number that the bitmaps of lists know the order by."""


class OrderEvent(_Table, table=True):
    """One fact about an order, never changed (design §9.2). Sequences have no gap per order."""

    position: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger,
        sa_column_args=[Identity(always=True)],
    )
    order_id: UUID = Field(foreign_key="orders.id")
    seq: int
    kind: str = Field(sa_type=Text)
    tipo: str = Field(sa_type=Text)
    agente: str = Field(sa_type=Text)
    mensaje: str = Field(sa_type=Text)
    # `metadata` is taken on SQLAlchemy's declarative classes.
    details: dict[str, Any] = Field(sa_type=_JSON, sa_column_kwargs={"name": "metadata"})
    visibilidad: str = Field(sa_type=Text)
    intento: int
    actor: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=_TIME)
    received_at: datetime = Field(sa_type=_TIME)
    dedupe_key: str | None = Field(default=None, sa_type=Text)


class OrderStage(_Table, table=True):
    """Stage history: every entry of a state, rework included."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    ordinal: int = Field(primary_key=True)
    intento: int
    estado: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    entered_at: datetime = Field(sa_type=_TIME)
    left_at: datetime | None = Field(default=None, sa_type=_TIME)


class OrderPlan(_Table, table=True):
    """One version of the plan, and who decided what about it."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    version: int = Field(primary_key=True)
    plan: dict[str, Any] = Field(sa_type=_JSON)
    hash: str = Field(sa_type=Text)
    planner: str = Field(sa_type=Text)
    estado: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=_TIME)
    decided_at: datetime | None = Field(default=None, sa_type=_TIME)
    decided_by: str | None = Field(default=None, sa_type=Text)
    motivo: str | None = Field(default=None, sa_type=Text)


class OrderMilestone(_Table, table=True):
    """A milestone that an attempt has completed."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    intento: int = Field(primary_key=True)
    milestone_id: str = Field(primary_key=True, sa_type=Text)
    agente: str = Field(sa_type=Text)
    commit_id: str = Field(sa_type=Text)
    completed_at: datetime = Field(sa_type=_TIME)


class OrderCheck(_Table, table=True):
    """The receipt of one of the council's checks."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    intento: int = Field(primary_key=True)
    check_name: str = Field(primary_key=True, sa_type=Text)
    passed: bool
    command: list[str] = Field(sa_type=ARRAY(Text))
    exit_code: int
    duration_seconds: float = Field(sa_type=Double)
    output_digest: str = Field(sa_type=Text)
    output_tail: str = Field(sa_type=Text)
    findings: list[str] = Field(sa_type=ARRAY(Text))
    isolation: str = Field(sa_type=Text)
    timed_out: bool
    truncated: bool
    created_at: datetime = Field(sa_type=_TIME)


class OrderStep(_Table, table=True):
    """A step of the line, recorded before its port call (decision 3)."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    intento: int = Field(primary_key=True)
    step: str = Field(primary_key=True, sa_type=Text)
    idempotency_key: str = Field(sa_type=Text, unique=True)
    attempts: int
    """How often the step was begun, crashes included."""
    failures: int = 0
    """How often its port said that it failed."""
    fence: int
    worker: str = Field(sa_type=Text)
    started_at: datetime = Field(sa_type=_TIME)
    finished_at: datetime | None = Field(default=None, sa_type=_TIME)
    error: str | None = Field(default=None, sa_type=Text)


class OrderCredential(_Table, table=True):
    """A delivered credential, sealed (resolutions 28). `masked` is what answers show."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    name: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(primary_key=True)
    secret: bool
    masked: str = Field(sa_type=Text)
    ciphertext: bytes = Field(sa_type=LargeBinary)
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    key_id: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=_TIME)
    revealed_at: datetime | None = Field(default=None, sa_type=_TIME)
    revealed_by: str | None = Field(default=None, sa_type=Text)


class OutboxMessage(_Table, table=True):
    """A message to be sent, written in the transaction of what it tells of (resolutions 26)."""

    id: UUID = Field(primary_key=True)
    dedupe_key: str = Field(sa_type=Text, unique=True)
    order_id: UUID | None = Field(default=None, foreign_key="orders.id")
    recipient: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=_TIME)
    attempts: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=_TIME)
    last_error: str | None = Field(default=None, sa_type=Text)


class User(_Table, table=True):
    """A person who may log in."""

    id: UUID = Field(primary_key=True)
    email: str = Field(sa_type=Text, unique=True)
    nombre: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    cliente_id: str | None = Field(default=None, sa_type=Text)
    password_hash: str = Field(sa_type=Text)
    must_change_password: bool = False
    active: bool = True
    created_at: datetime = Field(sa_type=_TIME)
    last_login_at: datetime | None = Field(default=None, sa_type=_TIME)
    password_changed_at: datetime = Field(sa_type=_TIME)
    version: int = 1


class ApiKey(_Table, table=True):
    """An API key; only a MAC of its secret is kept. `family` is the first of those it continues."""

    id: str = Field(primary_key=True, sa_type=Text)
    family: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    scope: str = Field(sa_type=Text)
    secret_mac: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=_TIME)
    created_by: str = Field(sa_type=Text)
    expires_at: datetime | None = Field(default=None, sa_type=_TIME)
    revoked_at: datetime | None = Field(default=None, sa_type=_TIME)
    last_used_at: datetime | None = Field(default=None, sa_type=_TIME)


class SystemToken(_Table, table=True):
    """An agent's token: for one attempt at one order, or permanent and limited to PATCH."""

    id: str = Field(primary_key=True, sa_type=Text)
    agent: str = Field(sa_type=Text)
    secret_mac: bytes = Field(sa_type=LargeBinary)
    order_id: UUID | None = Field(default=None, foreign_key="orders.id")
    intento: int | None = None
    created_at: datetime = Field(sa_type=_TIME)
    created_by: str = Field(sa_type=Text)
    expires_at: datetime | None = Field(default=None, sa_type=_TIME)
    revoked_at: datetime | None = Field(default=None, sa_type=_TIME)


class UserSession(_Table, table=True):
    """One login of a user, for as long as it can be refreshed."""

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="users.id")
    created_at: datetime = Field(sa_type=_TIME)
    last_used_at: datetime = Field(sa_type=_TIME)
    expires_at: datetime = Field(sa_type=_TIME)
    revoked_at: datetime | None = Field(default=None, sa_type=_TIME)
    address: str = Field(sa_type=Text)
    user_agent: str = Field(sa_type=Text)
    refresh_id: str = Field(sa_type=Text)
    """Id of the one refresh token that serves now."""
    previous_refresh_id: str | None = Field(default=None, sa_type=Text)
    """Id of the one that served until `last_used_at`."""


class RefreshToken(_Table, table=True):
    """A refresh token that was handed out; used ones stay, so that their return is noticed."""

    id: str = Field(primary_key=True, sa_type=Text)
    session_id: UUID = Field(foreign_key="user_sessions.id", ondelete="CASCADE")
    secret_mac: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=_TIME)


class LoginThrottle(_Table, table=True):
    """How many logins one account, one address or everybody has tried in the current window."""

    bucket: str = Field(primary_key=True, sa_type=Text)
    attempts: int
    opened_at: datetime = Field(sa_type=_TIME)


class AuditRow(_Table, table=True):
    """One entry of the audit trail, never changed; `domain.audit` says what its columns mean."""

    __tablename__ = "audit_entries"  # pyright: ignore[reportAssignmentType, reportIncompatibleVariableOverride] — SQLModel declares it for its own default only

    position: int = Field(primary_key=True, sa_type=BigInteger)
    chain: str = Field(sa_type=Text)
    seq: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=_TIME)
    actor: str = Field(sa_type=Text)
    actor_name: str = Field(sa_type=Text)
    actor_grant: str | None = Field(default=None, sa_type=Text)
    action: str = Field(sa_type=Text)
    outcome: str = Field(sa_type=Text)
    subject: str | None = Field(default=None, sa_type=Text)
    address: str | None = Field(default=None, sa_type=Text)
    request_id: str | None = Field(default=None, sa_type=Text)
    details: dict[str, Any] = Field(sa_type=_JSON)
    previous_hash: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class AuditHead(_Table, table=True):
    """The end of a chain of the audit trail; a trigger alone writes it."""

    chain: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(sa_type=BigInteger)
    hash: bytes = Field(sa_type=LargeBinary)


class RateLimit(_Table, table=True):
    """How many requests of one caller are counted in the current window (api/rate_limits.py)."""

    bucket: str = Field(primary_key=True, sa_type=Text)
    used: int
    granted: int
    """Of the newest lease."""
    window_ends: datetime = Field(sa_type=_TIME)


class IdempotencyKey(_Table, table=True):
    """The answer of a write, sealed, under the key that its caller gave it (`api.idempotency`)."""

    principal: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    status: int = Field(sa_type=SmallInteger)
    headers: dict[str, Any] = Field(sa_type=_JSON)
    ciphertext: bytes = Field(sa_type=LargeBinary)
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    key_id: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=_TIME)
    expires_at: datetime = Field(sa_type=_TIME)
