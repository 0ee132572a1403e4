"""Asks one model once: sends a prompt, waits for so long, and says what came of it."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from axon_factory.adapters.planner.llm.prompts import Prompt
from axon_factory.adapters.planner.llm.providers import (
    UNUSED,
    AnswerTooLarge,
    ModelAddress,
    TokenCount,
    connected,
    cost_usd,
    estimated_tokens,
    measured,
    settings_of,
)
from axon_factory.adapters.planner.llm.reading import Failure, Outcome
from axon_factory.domain.text import Redactor
from axon_factory.ports.planner import ModelUse

_LONGEST_ERROR = 1000
_BY_CATEGORY: tuple[tuple[type[ModelAPIError], Outcome, bool], ...] = (
    # A second try after a timeout would make the order wait as long again: the next model is asked.
    (ModelRequestTimeout, Outcome.TIEMPO_AGOTADO, False),
    (ModelTimeoutError, Outcome.TIEMPO_AGOTADO, False),
    (ModelRateLimitError, Outcome.LIMITE_DE_USO, True),
    (ModelQuotaExceededError, Outcome.SIN_SALDO, False),
    (ModelUnavailableError, Outcome.ERROR_DEL_SERVIDOR, True),
    (ModelServerError, Outcome.ERROR_DEL_SERVIDOR, True),
    (ModelAuthenticationError, Outcome.NO_AUTORIZADO, False),
    (ModelRequestRejectedError, Outcome.PETICION_RECHAZADA, False),
    (ModelConnectionError, Outcome.SIN_CONEXION, True),
)
"""What each category of the library's errors is, and whether the same model is asked again."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may take."""

    timeout_seconds: float
    max_output_tokens: int
    max_answer_bytes: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it: an answer, or a failure."""

    address: ModelAddress
    prompt: Prompt
    started_at: datetime
    latency_ms: int
    tokens: TokenCount
    response: ModelResponse | None = None
    failure: Failure | None = None

    def use(self, failure: Failure | None = None) -> ModelUse:
        """Return its record; `failure` is what was wrong with an answer that did come."""
        failed = self.failure or failure
        return ModelUse(
            provider=self.address.provider,
            model=self.address.name,
            prompt_version=self.prompt.version,
            input_tokens=self.tokens.input,
            output_tokens=self.tokens.output,
            cost_usd=cost_usd(self.address, self.tokens),
            latency_ms=self.latency_ms,
            outcome=failed.outcome if failed else Outcome.OK,
            started_at=self.started_at,
            error=_recordable(failed.detail, self.address) if failed else None,
        )


async def ask(
    address: ModelAddress,
    prompt: Prompt,
    parameters: ModelRequestParameters,
    limits: RequestLimits,
) -> Exchange:
    """Ask the model once. Every failure is part of the exchange, never an exception."""
    started_at, began = datetime.now(UTC), time.monotonic()
    response: ModelResponse | None = None
    failure: Failure | None = None
    try:
        async with connected(
            address,
            max_bytes=limits.max_answer_bytes,
            timeout_seconds=limits.timeout_seconds,
        ) as model:
            response = await model_request(
                model,
                [
                    ModelRequest(
                        parts=[UserPromptPart(message) for message in prompt.data],
                        instructions=prompt.instructions,
                    )
                ],
                model_settings=settings_of(
                    address,
                    timeout_seconds=limits.timeout_seconds,
                    max_output_tokens=limits.max_output_tokens,
                ),
                model_request_parameters=parameters,
            )
    except Exception as error:  # noqa: BLE001 — whatever a server makes the library raise is that model's failure
        failure = _failure_of(error)
    return Exchange(
        address=address,
        prompt=prompt,
        started_at=started_at,
        latency_ms=round((time.monotonic() - began) * 1000),
        tokens=_tokens(prompt, response, failure),
        response=response,
        failure=failure,
    )


def _tokens(prompt: Prompt, response: ModelResponse | None, failure: Failure | None) -> TokenCount:
    """Count what was used; of a request without an answer, what its server must have read."""
    if response is not None:
        return measured(
            TokenCount(response.usage.input_tokens, response.usage.output_tokens),
            prompt=prompt.text,
            answer=_said(response),
        )
    if failure is not None and failure.outcome in {
        Outcome.TIEMPO_AGOTADO,
        Outcome.RESPUESTA_ILEGIBLE,
        Outcome.RESPUESTA_DEMASIADO_GRANDE,
    }:
        return TokenCount(estimated_tokens(prompt.text), 0)
    return UNUSED


def _said(response: ModelResponse) -> str:
    return "".join(
        part.content if isinstance(part, TextPart) else part.args_as_json_str()
        for part in response.parts
        if isinstance(part, TextPart | ToolCallPart)
    )


def _failure_of(error: Exception) -> Failure:
    if _is_caused_by(error, AnswerTooLarge):
        return Failure(Outcome.RESPUESTA_DEMASIADO_GRANDE, "AnswerTooLarge")
    for category, outcome, again in _BY_CATEGORY:
        if isinstance(error, category):
            return Failure(outcome, _detail(error), again, error.retry_after)
    return Failure(Outcome.RESPUESTA_ILEGIBLE, _detail(error), again=True)


def _detail(error: Exception) -> str:
    """Say what happened without the server's own words, which may repeat the prompt."""
    parts = [type(error.__cause__ or error).__name__]
    if isinstance(error, ModelHTTPError):
        parts = [f"HTTP {error.status_code}"]
    if isinstance(error, ModelAPIError) and error.provider_error_code:
        parts.append(re.sub(r"[^\w.-]", "_", error.provider_error_code)[:60])
    return " ".join(parts)


def _is_caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    seen = 0
    while error is not None and seen < 10:  # noqa: PLR2004 — no chain of causes is longer
        if isinstance(error, kind):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def _recordable(detail: str, address: ModelAddress) -> str:
    known = [address.api_key] if address.api_key else []
    return Redactor(known, for_models=True).text(detail)[:_LONGEST_ERROR]
