"""Notifiers: webhooks (Standard Webhooks 1.0) and chats that take Slack's incoming webhooks."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from standardwebhooks import Webhook

from axon_factory import __version__
from axon_factory.adapters.guarded_http import Answer, CallFailed, GuardedHttp
from axon_factory.domain.messages import Channel
from axon_factory.ports.messages import (
    DeliveryFailed,
    Destination,
    Notification,
    Notifier,
    Receipt,
)

_OWN = {
    "Content-Type": "application/json",
    "User-Agent": f"Axon-Factory/{__version__}",
    "Accept": "*/*",
}
_REFUSED = 300
_LONGEST_TITLE = 150
_LONGEST_TEXT = 2500
"""Slack takes 3,000 characters in a section, and escaping one makes up to five of it."""


async def post(
    http: GuardedHttp, destination: Destination, body: bytes, headers: Mapping[str, str]
) -> Receipt:
    """Post `body`; only 2xx says that it was taken, a redirect does not.

    Raises:
        DeliveryFailed: it was not. Everything but 410 and an address that is not allowed may go
            better next time: receivers are redeployed, and answer 404 or 401 meanwhile.
    """
    try:
        answer = await http.post(destination.url, body, {**_OWN, **headers})
    except CallFailed as failure:
        raise DeliveryFailed(str(failure), transient=not failure.final) from None
    if not HTTPStatus.OK <= answer.status < _REFUSED:
        raise _refused(answer)
    return Receipt(answer.status)


def _refused(answer: Answer) -> DeliveryFailed:
    gone = answer.status == HTTPStatus.GONE
    return DeliveryFailed(
        "El destino ya no quiere avisos (410)."
        if gone
        else f"El destino respondió {answer.status}.",
        transient=not gone,
        status=answer.status,
        retry_after=answer.retry_after,
        gone=gone,
    )


def _now() -> datetime:
    return datetime.now(UTC)


class WebhookNotifier:
    """Posts the payload, signed with every secret of the destination."""

    name = "webhook"

    def __init__(self, http: GuardedHttp, *, clock: Callable[[], datetime] = _now) -> None:
        """`clock` says when a try is made; receivers refuse what is five minutes old."""
        self._http = http
        self._clock = clock

    async def deliver(
        self, notification: Notification, destination: Destination, *, idempotency_key: str
    ) -> Receipt:
        """Post it under `webhook-id`, the idempotency key.

        Raises:
            DeliveryFailed: it was not taken.
        """
        body = json.dumps(notification.payload, ensure_ascii=False, separators=(",", ":"))
        moment = self._clock()
        signatures = [
            Webhook(secret).sign(idempotency_key, moment, body) for secret in destination.secrets
        ]
        headers = {
            "webhook-id": idempotency_key,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        return await post(self._http, destination, body.encode(), headers)


class SlackNotifier:
    """Posts title and text; a client's words stay text."""

    name = "slack"

    def __init__(self, http: GuardedHttp) -> None:
        self._http = http

    async def deliver(
        self, notification: Notification, destination: Destination, *, idempotency_key: str
    ) -> Receipt:
        """Post it; the protocol has no key, so a repeated try may show it twice.

        Raises:
            DeliveryFailed: it was not taken.
        """
        del idempotency_key
        body = json.dumps(message_of(notification), ensure_ascii=False, separators=(",", ":"))
        return await post(self._http, destination, body.encode(), {})


def message_of(notification: Notification) -> dict[str, Any]:
    """Return the message: blocks of plain text, and `text` where blocks are not shown."""
    title, text = notification.title[:_LONGEST_TITLE], notification.text[:_LONGEST_TEXT]
    return {
        "text": f"{escape(title)}\n{escape(text)}",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
            {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}},
            {
                "type": "context",
                "elements": [{"type": "plain_text", "text": notification.kind, "emoji": False}],
            },
        ],
    }


def escape(text: str) -> str:
    """Return `text` so that no mention, link or channel of it works (Slack's three characters)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class ChosenNotifier:
    """Hands every call to the notifier of the destination's channel."""

    name = "chosen"

    def __init__(
        self,
        notifiers: Mapping[Channel, Notifier],
        *,
        of_keys: Mapping[Channel, Notifier] = MappingProxyType({}),
    ) -> None:
        """`notifiers` by the channel that each of them serves.

        `of_keys` are those for destinations that API keys have named: they reach fewer addresses.
        """
        self._notifiers = notifiers
        self._of_keys = of_keys

    async def deliver(
        self, notification: Notification, destination: Destination, *, idempotency_key: str
    ) -> Receipt:
        """See the port."""
        notifiers = self._of_keys if destination.of_key else self._notifiers
        notifier = notifiers.get(destination.channel)
        if notifier is None:
            raise DeliveryFailed(
                f"Este trabajador no tiene el canal '{destination.channel}'.", transient=False
            )
        return await notifier.deliver(notification, destination, idempotency_key=idempotency_key)
