"""One notifier that is many: each destination is told over its own channel."""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.domain.deliveries import Channel
from axon_factory.ports.notifier import (
    DeliveryFailed,
    Destination,
    Notification,
    Notifier,
    Receipt,
)


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
