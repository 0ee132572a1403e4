"""Chats that take Slack's incoming webhooks: Slack, Mattermost, Rocket.Chat, Zulip."""

import json
from typing import Any

from axon_factory.adapters.guarded_http import GuardedHttp
from axon_factory.adapters.notifier.posting import post
from axon_factory.ports.notifier import Destination, Notification, Receipt

_LONGEST_TITLE = 150
_LONGEST_TEXT = 2500
"""Slack takes 3,000 characters in a section, and escaping one makes up to five of it."""


class SlackNotifier:
    """Posts title and text; whatever a client has written stays text."""

    name = "slack"

    def __init__(self, http: GuardedHttp) -> None:
        """`http` calls nothing of our own."""
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
    """Return the message: blocks of plain text, and `text` for whoever shows no blocks."""
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
