"""What the line plans, asks, builds, checks and deploys for an order; the mode of the line."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Double, Identity, LargeBinary, Numeric, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from axon_factory.db.tables.base import JSON, TIME, Table


class OrderPlan(Table, table=True):
    """One version of the plan, and who decided what about it."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    version: int = Field(primary_key=True)
    plan: dict[str, Any] = Field(sa_type=JSON)
    hash: str = Field(sa_type=Text)
    planner: str = Field(sa_type=Text)
    """The planner's name, or "persona" for a version that a person wrote."""
    author: str | None = Field(default=None, sa_type=Text)
    """Id of the person who wrote this version."""
    base_version: int | None = None
    """The version that a person edited to make this one."""
    flags: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """What an approver should look at: `domain.plan_review` says which there are."""
    model: str | None = Field(default=None, sa_type=Text)
    prompt_version: str | None = Field(default=None, sa_type=Text)
    estado: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=TIME)
    decided_at: datetime | None = Field(default=None, sa_type=TIME)
    decided_by: str | None = Field(default=None, sa_type=Text)
    motivo: str | None = Field(default=None, sa_type=Text)
    reminders: int = 0
    reminded_at: datetime | None = Field(default=None, sa_type=TIME)
    escalated_at: datetime | None = Field(default=None, sa_type=TIME)


class OrderQuestion(Table, table=True):
    """A question about an order, to whom, and the answer. Numbers count up within the order."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    number: int = Field(primary_key=True)
    intento: int
    audience: str = Field(sa_type=Text)
    """"cliente", "operador" or "planificador": who has to answer."""
    question: str = Field(sa_type=Text)
    options: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    blocking: bool = True
    """Whether the order waits for the answer."""
    dedupe_key: str | None = Field(default=None, sa_type=Text)
    asked_by: str = Field(sa_type=Text)
    asked_by_name: str = Field(sa_type=Text)
    asked_at: datetime = Field(sa_type=TIME)
    answer: str | None = Field(default=None, sa_type=Text)
    answered_by: str | None = Field(default=None, sa_type=Text)
    answered_by_name: str | None = Field(default=None, sa_type=Text)
    answered_at: datetime | None = Field(default=None, sa_type=TIME)
    closed_at: datetime | None = Field(default=None, sa_type=TIME)
    """Since when the answer is no longer needed."""
    delivered_at: datetime | None = Field(default=None, sa_type=TIME)
    """When the asker got the answer."""
    reminders: int = 0
    reminded_at: datetime | None = Field(default=None, sa_type=TIME)


class ModelCall(Table, table=True):
    """One request of any part of the factory to a language model, and its cost."""

    id: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger,
        sa_column_args=[Identity(always=True)],
    )
    order_id: UUID | None = Field(default=None, foreign_key="orders.id")
    intento: int | None = None
    purpose: str = Field(sa_type=Text)
    """"plan", "respuesta" or "construccion"."""
    provider: str = Field(sa_type=Text)
    model: str = Field(sa_type=Text)
    prompt_version: str | None = Field(default=None, sa_type=Text)
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None = Field(default=None, sa_type=Numeric(12, 6))
    """None where the model's price is not known."""
    latency_ms: int
    outcome: str = Field(sa_type=Text)
    """"ok", or in one word what was wrong with the answer."""
    error: str | None = Field(default=None, sa_type=Text)
    started_at: datetime = Field(sa_type=TIME)


class OrderMilestone(Table, table=True):
    """A milestone that an attempt has completed."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    intento: int = Field(primary_key=True)
    milestone_id: str = Field(primary_key=True, sa_type=Text)
    agente: str = Field(sa_type=Text)
    commit_id: str = Field(sa_type=Text)
    completed_at: datetime = Field(sa_type=TIME)


class OrderCheck(Table, table=True):
    """The receipt of one of the council's checks: the newest of an attempt."""

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
    commit_id: str | None = Field(default=None, sa_type=Text)
    """The commit that was checked; None where there was none to check."""
    actor: str = Field(default="worker", sa_type=Text)
    """Id of the authenticated author: the line, or a token of role council."""
    created_at: datetime = Field(sa_type=TIME)


class OrderDeployment(Table, table=True):
    """The receipt of a deployment: a commit that runs, and how it has answered."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    intento: int = Field(primary_key=True)
    commit_id: str = Field(primary_key=True, sa_type=Text)
    url: str = Field(sa_type=Text)
    requests: list[dict[str, Any]] = Field(sa_type=JSON)
    """The health check and each smoke request: name, path, status."""
    created_at: datetime = Field(sa_type=TIME)
    withdrawn_at: datetime | None = Field(default=None, sa_type=TIME)
    """Since when it does not run any more, and so proves nothing."""


class OrderSession(Table, table=True):
    """A builder's session, one an attempt: it takes a place until it is known to have ended."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    intento: int = Field(primary_key=True)
    builder: str = Field(sa_type=Text)
    session_id: str | None = Field(default=None, sa_type=Text)
    """Its own id; None while a call that starts it has not come back."""
    started_at: datetime = Field(sa_type=TIME)
    finished_at: datetime | None = Field(default=None, sa_type=TIME)
    """Since when it says that it has nothing left to do."""
    stop_requested_at: datetime | None = Field(default=None, sa_type=TIME)
    """Since when it is not wanted any more."""
    asked_at: datetime | None = Field(default=None, sa_type=TIME)
    """Since when it has been asked to end; after the deadline it is forced."""
    ended_at: datetime | None = Field(default=None, sa_type=TIME)
    outcome: str | None = Field(default=None, sa_type=Text)
    """How it ended: "terminada", "detenida", "abandonada" or "perdida"."""


class OrderStep(Table, table=True):
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
    started_at: datetime = Field(sa_type=TIME)
    finished_at: datetime | None = Field(default=None, sa_type=TIME)
    error: str | None = Field(default=None, sa_type=Text)


class OrderCredential(Table, table=True):
    """A delivered credential, sealed (resolutions 28). `masked` is what answers show."""

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    name: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(primary_key=True)
    secret: bool
    masked: str = Field(sa_type=Text)
    ciphertext: bytes = Field(sa_type=LargeBinary)
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    key_id: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=TIME)
    revealed_at: datetime | None = Field(default=None, sa_type=TIME)
    revealed_by: str | None = Field(default=None, sa_type=Text)
    in_service_at: datetime | None = Field(default=None, sa_type=TIME)
    """Since when the running product uses this version."""


class ProductIncident(Table, table=True):
    """A time in which a product that should run did not; at most one of an order is open."""

    id: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger, sa_column_args=[Identity(always=True)]
    )
    order_id: UUID = Field(foreign_key="orders.id")
    kind: str = Field(sa_type=Text)
    """A `ProductTrouble`; one that turned out worse has the worse kind."""
    detail: str = Field(sa_type=Text)
    machine: str = Field(sa_type=Text)
    opened_at: datetime = Field(sa_type=TIME)
    closed_at: datetime | None = Field(default=None, sa_type=TIME)


class ProductMachine(Table, table=True):
    """A machine that watches its products: which, since when, and when it last said so."""

    machine: str = Field(primary_key=True, sa_type=Text)
    slugs: list[str] = Field(sa_type=ARRAY(Text))
    watched_since: datetime = Field(sa_type=TIME)
    checked_at: datetime = Field(sa_type=TIME)


class LineControl(Table, table=True):
    """The one row that says whether the line runs, drains, is paused or was stopped."""

    id: bool = Field(default=True, primary_key=True)
    mode: str = Field(default="activa", sa_type=Text)
    """"activa", "drenando", "pausada" or "detenida"."""
    reason: str = Field(default="", sa_type=Text)
    changed_by: str | None = Field(default=None, sa_type=Text)
    changed_at: datetime | None = Field(default=None, sa_type=TIME)
    version: int = 1
