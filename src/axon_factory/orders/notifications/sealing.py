"""A destination's address and secrets, sealed to their row and name."""

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from axon_factory.db.tables import NotificationDestination
from axon_factory.ports.product import SealedSecret, SecretBox

__all__ = ["PREVIOUS_SECRET", "SECRET", "URL", "open_secrets", "open_value", "seal_value"]

URL = "url"
SECRET = "secret"  # noqa: S105 — a name, no secret
PREVIOUS_SECRET = "previous_secret"  # noqa: S105 — a name, no secret


def seal_value(box: SecretBox, destination_id: UUID, name: str, value: str) -> dict[str, Any]:
    """Return the envelope of one value, as JSON."""
    sealed = box.seal(value, context=_context(destination_id, name))
    return {
        "ciphertext": b64encode(sealed.ciphertext).decode(),
        "wrapped_key": b64encode(sealed.wrapped_key).decode(),
        "key_id": sealed.key_id,
    }


def open_value(box: SecretBox, destination: NotificationDestination, name: str) -> str:
    """Return one value in clear.

    Raises:
        ValueError: the envelope was altered, or none of our keys opens it.
    """
    envelope = destination.sealed[name]
    sealed = SealedSecret(
        b64decode(envelope["ciphertext"]),
        b64decode(envelope["wrapped_key"]),
        envelope["key_id"],
    )
    return box.open(sealed, context=_context(destination.id, name))


def open_secrets(
    box: SecretBox, destination: NotificationDestination, now: datetime
) -> tuple[str, ...]:
    """Return the secrets that sign at `now`, the current one first.

    Raises:
        ValueError: an envelope was altered, or none of our keys opens it.
    """
    until = destination.previous_secret_until
    serving = [SECRET, PREVIOUS_SECRET] if until is not None and now < until else [SECRET]
    return tuple(
        open_value(box, destination, name) for name in serving if name in destination.sealed
    )


def _context(destination_id: UUID, name: str) -> str:
    return f"notification_destinations|{destination_id}|{name}"
