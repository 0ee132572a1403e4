"""How other systems and chats are told."""

from axon_factory.adapters.guarded_http import GuardedHttp
from axon_factory.adapters.notifier import ChosenNotifier, SlackNotifier, WebhookNotifier
from axon_factory.domain.deliveries import Channel
from axon_factory.domain.outbound import OutboundRules
from axon_factory.ports.messages import Notifier
from axon_factory.settings import Settings

__all__ = ["key_outbound_rules", "notifier_of", "outbound_rules"]


def notifier_of(settings: Settings) -> Notifier:
    """Return the notifier of the line."""
    timeout = settings.webhook_timeout_seconds
    http = GuardedHttp(outbound_rules(settings), timeout_seconds=timeout)
    http_of_keys = GuardedHttp(key_outbound_rules(settings), timeout_seconds=timeout)
    return ChosenNotifier(
        {Channel.WEBHOOK: WebhookNotifier(http), Channel.SLACK: SlackNotifier(http)},
        of_keys={Channel.WEBHOOK: WebhookNotifier(http_of_keys)},
    )


def outbound_rules(settings: Settings) -> OutboundRules:
    """Return which addresses notifications may go to."""
    return OutboundRules.of(settings.webhook_networks)


def key_outbound_rules(settings: Settings) -> OutboundRules:
    """Return which addresses may be those of destinations that API keys make."""
    return OutboundRules.of(settings.key_webhook_networks, setting="AXON_KEY_WEBHOOK_NETWORKS")
