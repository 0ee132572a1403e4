"""A destination's address and secrets, and secrets within mails, sealed to their row and name.

A mail with a secret is kept with `MARK` in its place. The worker that sends the mail puts the
secret there, so that neither the database nor a copy of it holds a link that serves.
"""

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from axon_factory.db.tables import NotificationDestination, OutboxMessage
from axon_factory.ports.product import SealedSecret, SecretBox

__all__ = [
    "MARK",
    "PREVIOUS_SECRET",
    "SECRET",
    "URL",
    "filled_in",
    "open_secrets",
    "open_value",
    "seal_in_mail",
    "seal_value",
]

URL = "url"
SECRET = "secret"  # noqa: S105 — a name, no secret
PREVIOUS_SECRET = "previous_secret"  # noqa: S105 — a name, no secret


MARK = "[secreto]"
"""What stands for the secret in the subject, text and HTML of a mail that is kept."""

_IN_MAIL = "mail_secret"


def seal_value(box: SecretBox, destination_id: UUID, name: str, value: str) -> dict[str, Any]:
    """Return the envelope of one value, as JSON."""
    return _envelope(box.seal(value, context=_context(destination_id, name)))


def seal_in_mail(box: SecretBox, dedupe_key: str, secret: str) -> dict[str, Any]:
    """Return the payload of the mail with this key, which holds the secret sealed."""
    return {_IN_MAIL: _envelope(box.seal(secret, context=_mail_context(dedupe_key)))}


def filled_in(box: SecretBox, message: OutboxMessage) -> tuple[str, str | None]:
    """Return text and HTML of a mail, with its secret if it has one.

    Raises:
        ValueError: the envelope was altered, or none of our keys opens it.
    """
    envelope = (message.payload or {}).get(_IN_MAIL)
    if envelope is None:
        return message.body, message.html
    secret = box.open(_sealed(envelope), context=_mail_context(message.dedupe_key))
    html = None if message.html is None else message.html.replace(MARK, secret)
    return message.body.replace(MARK, secret), html


def open_value(box: SecretBox, destination: NotificationDestination, name: str) -> str:
    """Return one value in clear.

    Raises:
        ValueError: the envelope was altered, or none of our keys opens it.
    """
    return box.open(_sealed(destination.sealed[name]), context=_context(destination.id, name))


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


def _mail_context(dedupe_key: str) -> str:
    return f"outbox_messages|{dedupe_key}"


def _envelope(sealed: SealedSecret) -> dict[str, Any]:
    return {
        "ciphertext": b64encode(sealed.ciphertext).decode(),
        "wrapped_key": b64encode(sealed.wrapped_key).decode(),
        "key_id": sealed.key_id,
    }


def _sealed(envelope: dict[str, Any]) -> SealedSecret:
    return SealedSecret(
        b64decode(envelope["ciphertext"]), b64decode(envelope["wrapped_key"]), envelope["key_id"]
    )
