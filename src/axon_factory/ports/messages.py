"""What leaves the factory as a message: mails and notifications. Called by the outbox only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from axon_factory.domain.failure import FailureCause
from axon_factory.domain.messages import Channel
from axon_factory.ports.errors import PortError


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


@dataclass(frozen=True, slots=True)
class Notification:
    """What is told: a document for programs, title and text (plain) for people."""

    kind: str
    at: datetime
    payload: Mapping[str, Any]
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Destination:
    """Where it goes, opened for this one call.

    `secrets` sign what is sent, the current one first; while one is being rotated there are two.
    `of_key`: a program named the address, not an administrator.
    """

    channel: Channel
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    of_key: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other side took it; `status` is what it answered, where the channel has such a thing."""

    status: int | None = None


class DeliveryFailed(PortError):
    """A notification was not taken.

    Attributes:
        status: HTTP status of the answer, None where there was none.
        retry_after: for how long the other side asks to be left alone, None where it does not say.
        gone: True if the other side wants no more notifications (410): the destination ends.
    """

    def __init__(
        self,
        message: str,
        *,
        transient: bool,
        status: int | None = None,
        retry_after: timedelta | None = None,
        gone: bool = False,
    ) -> None:
        """`message` is the Spanish sentence that the delivery log shows; it names no address."""
        super().__init__(message, cause=FailureCause.ENTREGA_FALLIDA, transient=transient)
        self.status = status
        self.retry_after = retry_after
        self.gone = gone


class Notifier(Protocol):
    """Delivers at least once; the idempotency key is the same in every try."""

    name: str

    async def deliver(
        self, notification: Notification, destination: Destination, *, idempotency_key: str
    ) -> Receipt:
        """Deliver `notification` to `destination`.

        Raises:
            DeliveryFailed: it was not taken, or it is unknown whether it was.
        """
        ...
