"""What a request used and cost: as the server says, within what can be, or as it must have been."""

from dataclasses import dataclass
from decimal import Decimal

from axon_factory.adapters.model_prices import list_price
from axon_factory.adapters.planner.llm.providers import ModelAddress, Provider

_MOST_TOKENS = 10_000_000  # of one request; more is a lie that would overflow a column
_BYTES_A_TOKEN = 3  # Spanish has four; to count too many is the safe side of a budget


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
