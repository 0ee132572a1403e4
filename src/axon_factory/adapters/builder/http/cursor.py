"""How far a session was read: kept by the line between two looks, opaque to it."""

import json
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import Self

from axon_factory.adapters.builder.http.messages import Usage


@dataclass(frozen=True, slots=True)
class Used:
    """What models have cost so far; `usd` is a decimal number as text, so that none is lost."""

    input_tokens: int = 0
    output_tokens: int = 0
    usd: str = "0"

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """Take the totals that the agent says."""
        return cls(usage.input_tokens, usage.output_tokens, f"{usage.cost_usd or 0.0:.6f}")

    def since(self, earlier: "Used") -> "Used":
        """Return what came to `earlier`; totals that fall count for nothing."""
        usd = max(_decimal(self.usd) - _decimal(earlier.usd), Decimal(0))
        return Used(
            max(self.input_tokens - earlier.input_tokens, 0),
            max(self.output_tokens - earlier.output_tokens, 0),
            str(usd),
        )

    def at_least(self, earlier: "Used") -> "Used":
        """Return the greater of each: what was counted once is not counted again."""
        return Used(
            max(self.input_tokens, earlier.input_tokens),
            max(self.output_tokens, earlier.output_tokens),
            str(max(_decimal(self.usd), _decimal(earlier.usd))),
        )

    @property
    def cost(self) -> Decimal:
        """The amount in USD."""
        return _decimal(self.usd)


@dataclass(frozen=True, slots=True)
class Reading:
    """The agent's own cursor, the newest bundle that was taken, what was counted of its cost."""

    log: str | None = None
    bundle: str | None = None
    used: Used = Used()

    @classmethod
    def of(cls, text: str | None) -> Self:
        """Read what :meth:`text` wrote; from the beginning if it cannot be read."""
        try:
            content = json.loads(text or "{}")
            return cls(content.get("log"), content.get("bundle"), Used(**content.get("used", {})))
        except (ValueError, TypeError, AttributeError):
            return cls()

    def text(self) -> str:
        """Return it as the line keeps it."""
        return json.dumps(asdict(self), separators=(",", ":"))


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)
