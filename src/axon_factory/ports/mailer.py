"""Mailer: sends one message. Called by the outbox only (resolutions 26)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mail:
    """A plain-text message with an optional HTML twin; carries links, never secrets."""

    to: str
    subject: str
    text: str
    html: str | None = None


class Mailer(Protocol):
    """Delivers mail at least once; the idempotency key becomes the stable Message-ID."""

    name: str

    async def send(self, mail: Mail, *, idempotency_key: str) -> None:
        """Deliver `mail`.

        Raises:
            PortError: it was not accepted.
        """
        ...

    async def forget(self, idempotency_keys: Sequence[str]) -> None:
        """Remove the mails with these keys from where they are kept; what left cannot come back.

        Raises:
            PortError: one of them could not be removed.
        """
        ...
