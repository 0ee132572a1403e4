"""A destination of notifications, and a delivery to it that waits."""

from datetime import UTC, datetime
from uuid import uuid4

from axon_factory.domain.deliveries import Channel
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.outbound import OutboundRules
from axon_factory.orders.notifications.deliveries import send_test
from axon_factory.orders.notifications.destinations import NewDestination, create_destination
from tests.support.workshop import Workshop

__all__ = ["make_destination"]

QUIET = [NotificationKind.LINEA_DETENIDA]


async def make_destination(workshop: Workshop) -> tuple[str, str]:
    """Return the ids of a fresh webhook and of a test notification to it.

    It listens to nothing that happens by itself in these tests.
    """
    factory, now = workshop.factory, datetime.now(UTC)
    async with factory.database.transaction("test") as session:
        created = await create_destination(
            session,
            NewDestination(Channel.WEBHOOK, uuid4().hex, "https://crm.example/x", QUIET),
            box=factory.secret_box,
            rules=OutboundRules(),
            created_by="t",
            now=now,
        )
        delivery = await send_test(session, created.destination.id, now)
    return str(created.destination.id), str(delivery.message.id)
