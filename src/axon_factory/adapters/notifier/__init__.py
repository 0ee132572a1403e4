"""Notifier adapters: how other systems and chats are told."""

from axon_factory.adapters.notifier.chosen import ChosenNotifier
from axon_factory.adapters.notifier.slack import SlackNotifier
from axon_factory.adapters.notifier.webhook import WebhookNotifier

__all__ = ["ChosenNotifier", "SlackNotifier", "WebhookNotifier"]
