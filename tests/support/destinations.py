"""A destination of notifications, and a delivery to it that waits."""

from datetime import UTC, datetime
from uuid import uuid4

from axon_factory.accounts.api_keys import API_KEY_PREFIX
from axon_factory.accounts.tokens import parse_token
from axon_factory.domain.addresses import OutboundRules
from axon_factory.domain.messages import Channel
from axon_factory.domain.notifications import NotificationKind
from axon_factory.orders.notifications.deliveries import send_test
from axon_factory.orders.notifications.destinations import NewDestination, create_destination
from tests.support.workshop import Headers, Workshop

__all__ = ["family_in", "make_destination"]

QUIET = {
    True: [NotificationKind.LINEA_DETENIDA],
    False: [NotificationKind.ORDEN_PLAN_LISTO],  # what keys may be told of
}


async def make_destination(workshop: Workshop, by: Headers | None = None) -> tuple[str, str]:
    """Return the ids of a fresh webhook and of a test notification to it.

    It listens to nothing that happens by itself in these tests. `by`: the caller that keeps it; it
    is the administrators' unless the caller is an API key.
    """
    family = family_in(by or {})
    container, now = workshop.container, datetime.now(UTC)
    async with container.database.transaction("test") as session:
        created = await create_destination(
            session,
            NewDestination(
                Channel.WEBHOOK, uuid4().hex, "https://crm.example/x", QUIET[family is None]
            ),
            box=container.secret_box,
            rules=OutboundRules(),
            created_by="t",
            now=now,
            family=family,
        )
        delivery = await send_test(session, created.destination.id, now)
    return str(created.destination.id), str(delivery.message.id)


def family_in(headers: Headers) -> str | None:
    """Return the family of the API key in `headers`, if there is one: the key was never rotated."""
    token = parse_token(API_KEY_PREFIX, headers.get("X-API-Key", ""))
    return None if token is None else token.id
