"""The order itself, its events, its stages and the links to its page."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, Identity, Numeric, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from axon_factory.db.tables.base import JSON, TIME, Table

_PRIORITY_RANK = (
    "CASE prioridad WHEN 'urgente' THEN 3 WHEN 'alta' THEN 2 WHEN 'normal' THEN 1 ELSE 0 END"
)


class Order(Table, table=True):
    """The only truth about an order (design §2.1). `estado` is written by `orders.transitions`."""

    id: UUID = Field(primary_key=True)
    order_number: str = Field(sa_type=Text, unique=True)
    slug: str = Field(sa_type=Text, unique=True)
    tipo_producto: str = Field(sa_type=Text)
    nombre_producto: str = Field(sa_type=Text)
    cliente_id: str | None = Field(default=None, sa_type=Text)
    datos_cliente: dict[str, Any] = Field(sa_type=JSON)
    estado: str = Field(default="nuevo", sa_type=Text)
    plan_estado: str | None = Field(default=None, sa_type=Text)
    plan: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    plan_version: int = 0
    plan_hash: str | None = Field(default=None, sa_type=Text)
    repo_url: str | None = Field(default=None, sa_type=Text)
    deploy_url: str | None = Field(default=None, sa_type=Text)
    resultado: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    progreso: int = Field(default=0, sa_type=SmallInteger)
    asignado_a: str | None = Field(default=None, sa_type=Text)
    session_id: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=TIME)
    updated_at: datetime = Field(sa_type=TIME)
    planificado_at: datetime | None = Field(default=None, sa_type=TIME)
    aprobado_at: datetime | None = Field(default=None, sa_type=TIME)
    construccion_iniciada_at: datetime | None = Field(default=None, sa_type=TIME)
    qa_iniciada_at: datetime | None = Field(default=None, sa_type=TIME)
    listo_at: datetime | None = Field(default=None, sa_type=TIME)
    entregado_at: datetime | None = Field(default=None, sa_type=TIME)
    fallido_at: datetime | None = Field(default=None, sa_type=TIME)
    cancelado_at: datetime | None = Field(default=None, sa_type=TIME)
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
    """Whom the order waits for, if anyone. `domain.states.WaitsFor` explains each value."""
    espera_causa: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """Of an order that waits for the machine: trouble, step, since when, tries; else None."""
    fallo: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    builder: str | None = Field(default=None, sa_type=Text)
    """Which of the configured builders builds it; None until that is decided."""
    session_open: bool = False
    """Whether the session of this attempt is at work and wanted; `order_sessions` has them all."""
    session_cursor: str | None = Field(default=None, sa_type=Text)
    """How far the session's own log has been read; only its builder understands it."""
    heartbeat_at: datetime | None = Field(default=None, sa_type=TIME)
    """The session's newest sign of life."""
    silence: str | None = Field(default=None, sa_type=Text)
    """"sin_respuesta" or "estancado" while the session has been silent for too long."""
    reported: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """What the agent says of its own progress; nothing follows from it."""
    queued_at: datetime | None = Field(default=None, sa_type=TIME)
    """Since when it waits for a place among the orders in construction."""
    promised_from: datetime | None = Field(default=None, sa_type=TIME)
    promised_until: datetime | None = Field(default=None, sa_type=TIME)
    paused_at: datetime | None = Field(default=None, sa_type=TIME)
    """Since when the clock of the promise stands still, because the client owes an answer."""
    promise_told_until: datetime | None = Field(default=None, sa_type=TIME)
    """The end of the promise that the client was last told of."""
    budget_usd: Decimal | None = Field(default=None, sa_type=Numeric(12, 4))
    """What models may cost for this order, where a person has decided; else the setting says."""
    deployment_open: bool = False
    precio: Decimal = Field(sa_type=Numeric(12, 2))
    moneda: str = Field(sa_type=Text)
    catalogo: dict[str, Any] = Field(sa_type=JSON)
    tenant: str = Field(sa_type=Text)
    event_seq: int = 0
    borrado_at: datetime | None = Field(default=None, sa_type=TIME)
    """Since when the order holds no personal data."""
    erasure_pending: bool = False
    """Whether mails, and the product if asked, are still to be erased outside the database."""
    product_erased: bool = False
    """Whether erasing the product was asked for, too."""
    created_by: str = Field(sa_type=Text)


class OrderEvent(Table, table=True):
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
    details: dict[str, Any] = Field(sa_type=JSON, sa_column_kwargs={"name": "metadata"})
    visibilidad: str = Field(sa_type=Text)
    intento: int
    actor: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=TIME)
    received_at: datetime = Field(sa_type=TIME)
    dedupe_key: str | None = Field(default=None, sa_type=Text)


class FeedPosition(Table, table=True):
    """The events of all orders, numbered as they were committed; a trigger alone writes here."""

    position: int = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger,
        sa_column_args=[Identity(always=True)],
    )
    event_position: int = Field(sa_type=BigInteger)
    """`position` of the event in `order_events`."""


class PortalLink(Table, table=True):
    """A link to the order's portal page. The link itself is signed, and kept nowhere.

    At most one link of an order is not revoked.
    """

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    number: int = Field(primary_key=True)
    reason: str = Field(sa_type=Text)
    """Why it was issued: a value of `orders.portal_links.LinkReason`."""
    issued_at: datetime = Field(sa_type=TIME)
    issued_by: str = Field(sa_type=Text)
    expires_at: datetime | None = Field(default=None, sa_type=TIME)
    revoked_at: datetime | None = Field(default=None, sa_type=TIME)
    revoked_by: str | None = Field(default=None, sa_type=Text)


class OrderStage(Table, table=True):
    """Stage history: every entry of a state, rework included."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    ordinal: int = Field(primary_key=True)
    intento: int
    estado: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    entered_at: datetime = Field(sa_type=TIME)
    left_at: datetime | None = Field(default=None, sa_type=TIME)
