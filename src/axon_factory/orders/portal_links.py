"""Links to an order's portal page: unguessable, and they show no secret (resolutions 28)."""

import base64
import hmac
from uuid import UUID

__all__ = ["PortalLinks"]

_MAC_BYTES = 16
_UUID_BYTES = 16


class PortalLinks:
    """Makes and reads the tokens of portal links: the order's id and a truncated HMAC-SHA-256."""

    def __init__(self, key: bytes, public_url: str) -> None:
        """`key` is 32 random bytes; `public_url` has no trailing slash."""
        self._key = key
        self._public_url = public_url

    def url(self, order_id: UUID) -> str:
        """Return the link to the order's page."""
        token = base64.urlsafe_b64encode(order_id.bytes + self._mac(order_id)).decode()
        return f"{self._public_url}/portal/{token.rstrip('=')}"

    def order_id(self, token: str) -> UUID | None:
        """Return the order that the token was made for, None for any other token."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        if len(raw) != _UUID_BYTES + _MAC_BYTES:
            return None
        order_id = UUID(bytes=raw[:_UUID_BYTES])
        return order_id if hmac.compare_digest(raw[_UUID_BYTES:], self._mac(order_id)) else None

    def _mac(self, order_id: UUID) -> bytes:
        return hmac.digest(self._key, b"portal|" + order_id.bytes, "sha256")[:_MAC_BYTES]
