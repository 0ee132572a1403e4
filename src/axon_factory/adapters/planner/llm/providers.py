"""The models behind the planner: how each provider's are reached, and what their tokens cost.

An answer is read up to a number of bytes, without trust in its announced length.
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from ipaddress import ip_address

import httpx2
from httpx2 import AsyncClient
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from axon_factory.adapters.model_prices import list_price
from axon_factory.domain.addresses import LOOPBACK, host_of

_CONNECT_SECONDS = 5.0
_MOST_TOKENS = 10_000_000  # of one request; more is a lie that would overflow a column
_BYTES_A_TOKEN = 3  # Spanish has four; to count too many is the safe side of a budget


class AnswerTooLarge(httpx2.TransportError):
    """An answer was longer than is taken, or compressed, so that its length is not known."""


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for part in self._stream:
            received += len(part)
            if received > self._limit:
                raise AnswerTooLarge(f"more than {self._limit} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def bounded_client(base_url: str, *, max_bytes: int, timeout_seconds: float) -> httpx2.AsyncClient:
    """Return a client for one server that follows no redirect and reads at most `max_bytes`.

    The environment's proxy is used, but not for a server on this machine.
    """

    async def ask_plain(request: httpx2.Request) -> None:
        # A compressed answer of a kilobyte can be a gigabyte of text.
        request.headers["Accept-Encoding"] = "identity"

    async def bound(response: httpx2.Response) -> None:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise AnswerTooLarge("compressed although that was not asked for")
        stream = response.stream
        if isinstance(stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(stream, max_bytes)

    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(timeout_seconds, connect=min(timeout_seconds, _CONNECT_SECONDS)),
        event_hooks={"request": [ask_plain], "response": [bound]},
        trust_env=not _is_loopback(base_url),
        verify=_authorities(),
    )


@cache
def _authorities() -> ssl.SSLContext:
    """Return the authorities that TLS trusts, read once: reading takes longer than a request."""
    return httpx2.create_ssl_context()


def _is_loopback(url: str) -> bool:
    host = host_of(url)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK


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


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens in and out."""

    input: int
    output: int

    @property
    def total(self) -> int:
        """Both together, as budgets count them."""
        return self.input + self.output


UNUSED = TokenCount(0, 0)
"""Of a request that the server refused or never got."""


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text is, rather too many than too few."""
    return -(-len(text.encode(errors="replace")) // _BYTES_A_TOKEN)


def measured(reported: TokenCount, *, prompt: str, answer: str) -> TokenCount:
    """Return the server's count, or an estimate where it has none: no answer is for nothing."""
    return TokenCount(
        _plausible(reported.input) or min(estimated_tokens(prompt), _MOST_TOKENS),
        _plausible(reported.output) or min(estimated_tokens(answer), _MOST_TOKENS),
    )


def cost_usd(address: ModelAddress, tokens: TokenCount) -> Decimal | None:
    """Return what the tokens cost, or None where the model's price is not known.

    The configured name decides, not what the answer calls itself. A compatible server has a price
    only if its address is a known provider's.
    """
    is_compatible = address.provider is Provider.COMPATIBLE
    return list_price(
        address.name,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        provider=None if is_compatible else address.provider.value,
        url=address.url if is_compatible else None,
    )


def _plausible(tokens: int) -> int:
    return min(max(tokens, 0), _MOST_TOKENS)
