"""Plans of an order, questions about it, and what models were asked for it."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Numeric, Text
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
    """Since when nobody needs the answer any more."""
    delivered_at: datetime | None = Field(default=None, sa_type=TIME)
    """When whoever asked got the answer."""
    reminders: int = 0
    reminded_at: datetime | None = Field(default=None, sa_type=TIME)


class ModelCall(Table, table=True):
    """One request to a language model, by whatever part of the factory, and what it cost."""

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
