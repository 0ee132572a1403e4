"""Creating asks twice: the first call tries, and hands out what the second must bring.

The confirmation binds the second call to the content that was tried. It also is the call's
idempotency key, so that a model that repeats itself does not place the order again.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

_NONCE_BYTES = 8


def confirmation_of(content: Mapping[str, Any], nonce: str | None = None) -> str:
    """Return "<nonce>.<digest>" for the content of an order, under a new nonce by default."""
    nonce = nonce or secrets.token_hex(_NONCE_BYTES)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(f"{nonce}\n{canonical}".encode()).hexdigest()
    return f"{nonce}.{digest[:32]}"


def confirms(confirmation: str, content: Mapping[str, Any]) -> bool:
    """Return whether the confirmation was handed out for just this content."""
    nonce, separator, _ = confirmation.partition(".")
    return bool(separator and nonce) and secrets.compare_digest(
        confirmation.encode(), confirmation_of(content, nonce).encode()
    )
