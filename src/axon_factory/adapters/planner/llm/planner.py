"""The planner over language models; the catalogue's planner is its last resort.

The router asks the models in their order, each so often, within time and budget, until one is of
use.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Generic, TypeVar

import structlog
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from axon_factory.adapters.planner.catalogue import CataloguePlanner
from axon_factory.adapters.planner.llm.answer_schema import answer_schema
from axon_factory.adapters.planner.llm.asking import Exchange, RequestLimits, ask
from axon_factory.adapters.planner.llm.prompts import (
    Prompt,
    answer_prompt,
    data_of_order,
    data_of_question,
    plan_prompt,
)
from axon_factory.adapters.planner.llm.providers import ModelAddress, estimated_tokens, load
from axon_factory.adapters.planner.llm.reading import (
    PLAN_TOOL,
    SENTENCES,
    Failure,
    Unusable,
    read_plan,
    read_text,
)
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.ports.planner import (
    Budget,
    ModelUse,
    PlannerAnswer,
    PlanningOutcome,
    PlanQuestion,
    PlanRequest,
)

_log = structlog.get_logger(__name__)
_SHORTEST_ANSWER_TOKENS = 256  # no plan fits into less
_SHORTEST_REQUEST_SECONDS = 0.2

T = TypeVar("T")
_BY_DECISION = "una persona decidió seguir sin modelos"
_NO_BUDGET = "se agotó el presupuesto de modelos"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often models are asked.

    A model that wants to be left alone for longer than `longest_pause_seconds` is passed over;
    one that says nothing of it is asked again after `pause_seconds`, doubled with each try.
    """

    attempts: int = 2
    timeout_seconds: float = 60.0
    total_seconds: float = 600.0
    pause_seconds: float = 0.5
    longest_pause_seconds: float = 20.0
    max_output_tokens: int = 4000
    max_answer_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Routed(Generic[T]):
    """What came of asking: a value and the model that gave it, or why there is none."""

    value: T | None
    uses: tuple[ModelUse, ...]
    model: str | None = None
    reason: str | None = None
    budget_spent: bool = False


class ModelRouter:
    """The configured models, in the order in which they are asked."""

    def __init__(self, models: Sequence[ModelAddress], limits: Limits) -> None:
        """`models` are asked from the first to the last."""
        self._models = tuple(models)
        for model in self._models:
            load(model.provider)
        self._limits = limits

    async def ask(
        self,
        prompt: Prompt,
        parameters: ModelRequestParameters,
        read: Callable[[ModelResponse], T],
        budget: Budget,
    ) -> Routed[T]:
        """Return the first answer that `read` takes.

        `read` raises `Unusable` for one that it does not.
        """
        call = _Call(self._limits, prompt, parameters, read, budget)
        for model in self._models:
            value = await call.ask_model(model)
            if value is not None:
                return Routed(value, tuple(call.uses), model=model.title)
            if call.budget_spent:
                return Routed(None, tuple(call.uses), budget_spent=True)
            if call.seconds_left < _SHORTEST_REQUEST_SECONDS:
                call.reasons.append("se acabó el tiempo para preguntar a los modelos")
                break
        return Routed(None, tuple(call.uses), reason="; ".join(call.reasons))


class _Call(Generic[T]):
    """The course of one call of the router."""

    def __init__(
        self,
        limits: Limits,
        prompt: Prompt,
        parameters: ModelRequestParameters,
        read: Callable[[ModelResponse], T],
        budget: Budget,
    ) -> None:
        self._limits = limits
        self._prompt = prompt
        self._parameters = parameters
        self._read = read
        self._budget = budget
        self._ends = time.monotonic() + limits.total_seconds
        self.uses: list[ModelUse] = []
        self.reasons: list[str] = []
        self.budget_spent = False

    @property
    def seconds_left(self) -> float:
        return self._ends - time.monotonic()

    async def ask_model(self, model: ModelAddress) -> T | None:
        """Ask one model as often as it may be asked; None when it brought nothing of use."""
        prompt = self._prompt
        failure: Failure | None = None
        for attempt in range(self._limits.attempts):
            if failure is not None and not await self._pause(failure, attempt):
                break
            limits = self._request_limits(prompt)
            if limits is None:
                break
            exchange = await ask(model, prompt, self._parameters, limits)
            value, failure = self._taken(exchange)
            if value is not None or failure is None:
                return value
            _log.warning(
                "model failed", model=model.title, outcome=failure.outcome, attempt=attempt + 1
            )
            self.budget_spent = self._is_spent()
            if self.budget_spent or not failure.again:
                break
            if failure.problems:
                prompt = self._prompt.with_problems(failure.answer, failure.problems)
        if failure is not None:
            self.reasons.append(f"{model.title} {SENTENCES[failure.outcome]}")
        return None

    def _request_limits(self, prompt: Prompt) -> RequestLimits | None:
        """Return what the next request may take, or None when nothing is left for one."""
        tokens = self._remaining_tokens() - estimated_tokens(prompt.text)
        if self._is_spent() or tokens < _SHORTEST_ANSWER_TOKENS:
            self.budget_spent = True
            return None
        seconds = min(self._limits.timeout_seconds, self.seconds_left)
        if seconds < _SHORTEST_REQUEST_SECONDS:
            return None
        return RequestLimits(
            timeout_seconds=seconds,
            max_output_tokens=min(self._limits.max_output_tokens, tokens),
            max_answer_bytes=self._limits.max_answer_bytes,
        )

    def _taken(self, exchange: Exchange) -> tuple[T | None, Failure | None]:
        """Read an exchange and keep its record."""
        value, failure = None, exchange.failure
        if exchange.response is not None:
            try:
                value = self._read(exchange.response)
            except Unusable as unusable:
                failure = unusable.failure
        self.uses.append(exchange.use(failure))
        return value, failure

    async def _pause(self, failure: Failure, attempt: int) -> bool:
        """Wait before the next try; False when that would take too long."""
        if failure.problems:
            return True  # it answered: what was wrong is no reason to wait
        seconds = failure.wait_seconds
        if seconds is None:
            seconds = self._limits.pause_seconds * 2 ** (attempt - 1)
        if seconds > min(self._limits.longest_pause_seconds, self.seconds_left):
            return False
        await asyncio.sleep(seconds)
        return True

    def _remaining_tokens(self) -> int:
        return self._budget.tokens - sum(use.input_tokens + use.output_tokens for use in self.uses)

    def _is_spent(self) -> bool:
        spent = sum((use.cost_usd or Decimal(0) for use in self.uses), Decimal(0))
        usd = None if self._budget.usd is None else self._budget.usd - spent
        return Budget(self._remaining_tokens(), usd).is_spent


class LlmPlanner:
    """Has models make plans out of the catalogue's parts, and answer questions about them."""

    name = "llm"

    def __init__(self, router: ModelRouter) -> None:
        self._router = router
        self._catalogue = CataloguePlanner()

    async def make_plan(self, request: PlanRequest, *, idempotency_key: str) -> PlanningOutcome:
        """Return the first model's valid plan, or the catalogue's, or that the budget is spent.

        Asking again costs again, but has the effect of one: the line keeps one plan a step.

        Raises:
            PortError: the catalogue has no such product.
        """
        if request.product_type not in PRODUCT_TYPES or not request.models_allowed:
            return await self._by_catalogue(request, idempotency_key, _BY_DECISION)
        prompt = plan_prompt(request.product_type, data_of_order(request))
        routed = await self._router.ask(
            prompt,
            _plan_parameters(request.product_type),
            partial(read_plan, product_id=request.product_type),
            request.budget,
        )
        if routed.budget_spent:
            return PlanningOutcome(None, self.name, routed.uses, budget_spent=True)
        if routed.value is None:
            outcome = await self._by_catalogue(request, idempotency_key, routed.reason)
            return PlanningOutcome(
                outcome.plan, outcome.planner, routed.uses, fallback=outcome.fallback
            )
        return PlanningOutcome(
            routed.value, self.name, routed.uses, model=routed.model, prompt_version=prompt.version
        )

    async def answer(self, question: PlanQuestion, *, idempotency_key: str) -> PlannerAnswer:
        """Return the first model's answer, or what the catalogue can say and why it is the one.

        Raises:
            PortError: the catalogue has no such product.
        """
        request = question.request
        if request.product_type not in PRODUCT_TYPES or not request.models_allowed:
            return await self._catalogue.answer(question, idempotency_key=idempotency_key)
        routed = await self._router.ask(
            answer_prompt(request.product_type, data_of_question(question)),
            ModelRequestParameters(),
            read_text,
            request.budget,
        )
        if routed.value is not None:
            return PlannerAnswer(routed.value, self.name, routed.uses)
        told = await self._catalogue.answer(question, idempotency_key=idempotency_key)
        reason = _NO_BUDGET if routed.budget_spent else routed.reason
        return PlannerAnswer(
            f"Ningún modelo respondió ({reason}). {told.text}", told.planner, routed.uses
        )

    async def _by_catalogue(
        self, request: PlanRequest, idempotency_key: str, reason: str | None
    ) -> PlanningOutcome:
        outcome = await self._catalogue.make_plan(request, idempotency_key=idempotency_key)
        return PlanningOutcome(outcome.plan, outcome.planner, fallback=reason)


def _plan_parameters(product_id: str) -> ModelRequestParameters:
    """Return what makes a model hand over a plan: one tool, which it has to call."""
    tool = ToolDefinition(
        name=PLAN_TOOL,
        description="Entrega el plan de construcción completo.",
        parameters_json_schema=answer_schema(product_id),
        kind="output",
    )
    return ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False)
