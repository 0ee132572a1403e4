"""The two signatures that are understood: Standard Webhooks, and GitHub's `X-Hub-Signature-256`."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

TOLERANCE_SECONDS = 300


def key(secret: str) -> bytes:
    """Return the key bytes of a secret: `whsec_` announces base64."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def standard_signature(identifier: str, timestamp: str, body: bytes, secret: str) -> str:
    """Return `v1,<base64>`: HMAC-SHA256 of "<id>.<timestamp>.<body>"."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key(secret), signed, hashlib.sha256)).decode()


def is_signed(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Say whether a request is signed with the secret; without a secret none is."""
    if not secret:
        return False
    if "x-hub-signature-256" in headers:
        expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(headers["x-hub-signature-256"].encode(), expected.encode())
    identifier = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not identifier or not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > 12:
        return False
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    expected = standard_signature(identifier, timestamp, body, secret).encode()
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(one.encode(), expected) for one in given)
