"""Webhooks as Standard Webhooks 1.0 describes them: signed, with a stable id, thin."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from standardwebhooks import Webhook

from axon_factory.adapters.guarded_http import GuardedHttp
from axon_factory.adapters.notifier.posting import post
from axon_factory.ports.notifier import Destination, Notification, Receipt


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
