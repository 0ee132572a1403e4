"""The models behind the planner: which there are, and how each provider's are reached."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from httpx2 import AsyncClient
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from axon_factory.adapters.planner.llm.bounded_client import bounded_client


class Provider(StrEnum):
    """Who serves a model, as `AXON_LLM_MODELS` names them."""

    COMPATIBLE = "compatible"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"


_ADDRESSES = {
    Provider.OPENAI: "https://api.openai.com/v1",
    Provider.ANTHROPIC: "https://api.anthropic.com",
}


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """One model and how to reach it; without `base_url` it is where its provider serves it."""

    provider: Provider
    name: str
    api_key: str | None = None
    base_url: str | None = None

    @property
    def title(self) -> str:
        """The model as settings, records and people name it."""
        return f"{self.provider}:{self.name}"

    @property
    def url(self) -> str:
        """The server that is asked.

        Raises:
            ValueError: a compatible server has no address of its own.
        """
        url = self.base_url or _ADDRESSES.get(self.provider)
        if url is None:
            raise ValueError(f"{self.title} needs the address of its server")
        return url


_Maker = Callable[[ModelAddress, AsyncClient], Model]


@asynccontextmanager
async def connected(
    address: ModelAddress, *, max_bytes: int, timeout_seconds: float
) -> AsyncGenerator[Model]:
    """Yield the model, over a client of its own that ends with the block."""
    make = load(address.provider)
    async with bounded_client(
        address.url, max_bytes=max_bytes, timeout_seconds=timeout_seconds
    ) as client:
        yield make(address, client)


def settings_of(
    address: ModelAddress, *, timeout_seconds: float, max_output_tokens: int
) -> ModelSettings:
    """Return the settings of one request.

    `timeout` alone starts anew with each piece of an answer, and the vendors' libraries would try
    twice more: `request_timeout` bounds the whole, and `max_retries` leaves trying to the router.
    """
    settings = ModelSettings(
        timeout=timeout_seconds,
        request_timeout=timeout_seconds,
        max_retries=0,
        max_tokens=max_output_tokens,
    )
    if address.provider is Provider.OPENAI:
        from pydantic_ai.models.openai import (  # noqa: PLC0415 — only who names one pays
            OpenAIResponsesModelSettings,
        )

        # Nothing of an order is left behind at the provider.
        return OpenAIResponsesModelSettings(**settings, openai_store=False)
    return settings


@cache
def load(provider: Provider) -> _Maker:
    """Return what makes a provider's models; the first time its library is imported, for seconds.

    Who calls it before the first request keeps that time out of an event loop.
    """
    match provider:
        case Provider.COMPATIBLE:
            return _load_compatible()
        case Provider.OPENAI:
            return _load_openai()
        case Provider.ANTHROPIC:
            return _load_anthropic()


def _load_compatible() -> _Maker:
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415 — see load
    from pydantic_ai.providers.openai_compatible import (  # noqa: PLC0415 — see load
        OpenAICompatibleProvider,
    )

    def make(address: ModelAddress, client: AsyncClient) -> Model:
        served = OpenAICompatibleProvider(
            Provider.COMPATIBLE,
            base_url=address.url,
            api_key=address.api_key,
            http_client=client,
        )
        return OpenAIChatModel(address.name, provider=served)

    return make


def _load_openai() -> _Maker:
    from pydantic_ai.models.openai import OpenAIResponsesModel  # noqa: PLC0415 — see load
    from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415 — see load

    def make(address: ModelAddress, client: AsyncClient) -> Model:
        served = OpenAIProvider(base_url=address.url, api_key=address.api_key, http_client=client)
        return OpenAIResponsesModel(address.name, provider=served)

    return make


def _load_anthropic() -> _Maker:
    from pydantic_ai.models.anthropic import AnthropicModel  # noqa: PLC0415 — see load
    from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415 — see load

    def make(address: ModelAddress, client: AsyncClient) -> Model:
        served = AnthropicProvider(
            base_url=address.url, api_key=address.api_key, http_client=client
        )
        return AnthropicModel(address.name, provider=served)

    return make
