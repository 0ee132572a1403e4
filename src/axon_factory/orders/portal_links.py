"""Links to an order's portal page: unguessable, and they show no secret (resolutions 28)."""

import base64
import hmac
from collections.abc import Sequence
from uuid import UUID

__all__ = ["PortalLinks"]

_MAC_BYTES = 16
_UUID_BYTES = 16


class PortalLinks:
    """Makes and reads the tokens of portal links: the order's id and a truncated HMAC-SHA-256."""

    def __init__(self, key: bytes, public_url: str, *, previous: Sequence[bytes] = ()) -> None:
        """`key` is 32 random bytes, `previous` those that made links which still serve.

        `public_url` has no trailing slash.
        """
        self._keys = (key, *previous)
        self._public_url = public_url

    def url(self, order_id: UUID) -> str:
        """Return the link to the order's page."""
        mac = _mac(self._keys[0], order_id)
        token = base64.urlsafe_b64encode(order_id.bytes + mac).decode()
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
        macs = (_mac(key, order_id) for key in self._keys)
        known = any(hmac.compare_digest(raw[_UUID_BYTES:], mac) for mac in macs)
        return order_id if known else None


def _mac(key: bytes, order_id: UUID) -> bytes:
    return hmac.digest(key, b"portal|" + order_id.bytes, "sha256")[:_MAC_BYTES]
