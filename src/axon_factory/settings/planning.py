"""Language models that plan, and what they may cost."""

from decimal import Decimal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from axon_factory.settings.values import BaseUrl

__all__ = ["PlanningSettings"]


class PlanningSettings(BaseSettings):
    """Which models plan; with none, the catalogue does."""

    llm_models: str = Field(
        "",
        description="Models that plan, in the order in which they are tried, separated by commas: "
        "`openai:<name>`, `anthropic:<name>` or `compatible:<name>` (an OpenAI-compatible server "
        "at `AXON_LLM_BASE_URL`). Unset: the catalogue plans.",
    )
    llm_base_url: BaseUrl | None = Field(
        None, description="Address of an OpenAI-compatible server, with its version (`…/v1`)."
    )
    llm_api_key: SecretStr | None = Field(None, description="Key for the OpenAI-compatible server.")
    llm_openai_api_key: SecretStr | None = Field(None, description="Key for OpenAI.")
    llm_anthropic_api_key: SecretStr | None = Field(None, description="Key for Anthropic.")
    llm_timeout_seconds: float = Field(
        60.0, ge=1, le=600, description="How long one request to a model may take."
    )
    llm_attempts: int = Field(
        2, ge=1, le=5, description="How often one model is asked for a plan before the next one is."
    )
    llm_max_output_tokens: int = Field(
        4000, ge=500, le=64_000, description="Longest answer of a model, in tokens."
    )
    llm_order_budget_usd: Decimal | None = Field(
        None,
        ge=0,
        description="What models may cost for one order; then the order waits for a person.",
    )
    llm_day_budget_usd: Decimal | None = Field(
        None, ge=0, description="What models may cost in a day of the business time zone."
    )
    llm_order_budget_tokens: int = Field(
        200_000, ge=1000, description="Tokens that models may use for one order."
    )
    llm_day_budget_tokens: int = Field(
        5_000_000, ge=1000, description="Tokens that models may use in a day."
    )
