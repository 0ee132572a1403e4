"""Language models that plan, and what they may cost."""

import re
from decimal import Decimal
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from axon_factory.domain.addresses import LOOPBACK, host_of
from axon_factory.settings.values import BaseUrl

_MODEL = re.compile(r"(?P<provider>compatible|openai|anthropic):(?P<name>[\w./:@-]{1,120})")
_MOST_MODELS = 8


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

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """The models that plan as pairs of provider and name, in the order of trying."""
        pairs = (name.partition(":") for name in self._model_names)
        return tuple((provider, name) for provider, _, name in pairs)

    @property
    def _model_names(self) -> list[str]:
        return [name for part in self.llm_models.split(",") if (name := part.strip())]

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        names = self._model_names
        for name in names:
            if not _MODEL.fullmatch(name):
                raise ValueError(
                    f"AXON_LLM_MODELS: '{name}' is no model such as openai:gpt-5, "
                    "anthropic:claude-sonnet-5 or compatible:qwen3"
                )
        if len(set(names)) != len(names) or len(names) > _MOST_MODELS:
            raise ValueError(
                f"AXON_LLM_MODELS: each model once, and at most {_MOST_MODELS} of them"
            )
        self._check_access({provider for provider, _ in self.models})
        return self

    def _check_access(self, providers: set[str]) -> None:
        """Refuse a model that could not be asked for want of an address or a key."""
        if "compatible" in providers and self.llm_base_url is None:
            raise ValueError(
                "AXON_LLM_BASE_URL is required by the compatible: models of AXON_LLM_MODELS"
            )
        if "openai" in providers and not _is_set(self.llm_openai_api_key):
            raise ValueError(
                "AXON_LLM_OPENAI_API_KEY is required by the openai: models of AXON_LLM_MODELS"
            )
        if "anthropic" in providers and not _is_set(self.llm_anthropic_api_key):
            raise ValueError(
                "AXON_LLM_ANTHROPIC_API_KEY is required by the anthropic: models of AXON_LLM_MODELS"
            )
        url = self.llm_base_url or ""
        if url.startswith("http://") and host_of(url) not in LOOPBACK:
            raise ValueError(
                "AXON_LLM_BASE_URL must start with https:// unless the server is on this machine: "
                "keys and client data would travel unencrypted"
            )


def _is_set(secret: SecretStr | None) -> bool:
    return secret is not None and bool(secret.get_secret_value().strip())
