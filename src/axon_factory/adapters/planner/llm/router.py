"""Asks the models in their order, each so often, within time and budget, until one is of use."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

import structlog
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import ModelRequestParameters

from axon_factory.adapters.planner.llm.asking import Exchange, RequestLimits, ask
from axon_factory.adapters.planner.llm.outcomes import SENTENCES, Failure
from axon_factory.adapters.planner.llm.prices import estimated_tokens
from axon_factory.adapters.planner.llm.prompts import Prompt
from axon_factory.adapters.planner.llm.providers import ModelAddress, load
from axon_factory.adapters.planner.llm.reading import Unusable
from axon_factory.ports.planner import Budget, ModelUse

_log = structlog.get_logger(__name__)
_SHORTEST_ANSWER_TOKENS = 256  # no plan fits into less
_SHORTEST_REQUEST_SECONDS = 0.2

T = TypeVar("T")


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
