"""Planner: turns an order into a construction plan, and answers questions about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from axon_factory.domain.plan import Plan


@dataclass(frozen=True, slots=True)
class ModelUse:
    """One request to a language model and what it cost; the line keeps a record of each.

    `outcome` is "ok", or in one word what was wrong ("tiempo_agotado", "salida_invalida");
    `cost_usd` is None where the model's price is not known.
    """

    provider: str
    model: str
    prompt_version: str
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    latency_ms: int
    outcome: str
    started_at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What models may still use for this order today; `usd` is None where no amount is set."""

    tokens: int
    usd: Decimal | None = None

    @property
    def is_spent(self) -> bool:
        """True when nothing may be asked any more."""
        return self.tokens <= 0 or (self.usd is not None and self.usd <= 0)


UNLIMITED = Budget(tokens=2**31 - 1)


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a planner may know: never notas_internas, never a credential (resolutions 11, 29)."""

    order_id: str
    order_number: str
    product_type: str
    product_name: str
    industry: str
    configuration: Mapping[str, Any]
    client_name: str = ""
    rejection_reason: str | None = None
    """The approver's reason when an earlier version was rejected."""
    rejected_plan: Plan | None = None
    """The version that was rejected."""
    answers: tuple[tuple[str, str], ...] = ()
    """Questions about the order that were asked of the client, with their answers."""
    budget: Budget = UNLIMITED
    models_allowed: bool = True
    """False once a person has decided that this order goes on without language models."""


@dataclass(frozen=True, slots=True)
class PlanningOutcome:
    """What came of planning: a plan, or the word that the budget ended before there was one.

    `planner` is the author that the plan shows. `fallback` says, in a sentence for the approver,
    why the plan is the catalogue's although a model was to make it; None where that is not so.
    """

    plan: Plan | None
    planner: str
    uses: tuple[ModelUse, ...] = ()
    model: str | None = None
    prompt_version: str | None = None
    fallback: str | None = None
    budget_spent: bool = False


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """What an approver asks of the planner about the plan that waits."""

    request: PlanRequest
    plan: Plan
    question: str


@dataclass(frozen=True, slots=True)
class PlannerAnswer:
    """The planner's answer: plain text for people, from which nothing else follows.

    Without a text where the budget ended before there was one: a person is asked then.
    """

    text: str
    planner: str
    uses: tuple[ModelUse, ...] = ()
    budget_spent: bool = False


class Planner(Protocol):
    """Makes plans. `name` is how the factory calls it."""

    name: str

    async def make_plan(self, request: PlanRequest, *, idempotency_key: str) -> PlanningOutcome:
        """Return a plan whose templates, integrations and agents all come from the catalogue.

        Raises:
            PortError: no plan could be made.
        """
        ...

    async def answer(self, question: PlanQuestion, *, idempotency_key: str) -> PlannerAnswer:
        """Answer a question about a plan.

        Raises:
            PortError: there is no answer to be had.
        """
        ...
