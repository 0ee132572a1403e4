"""The integrations that the catalogue knows (design §4.1)."""

from types import MappingProxyType

__all__ = ["INTEGRATIONS", "integration_label"]

INTEGRATIONS = MappingProxyType(
    {
        "whatsapp": "WhatsApp Business API",
        "stripe": "Stripe",
        "google_sheets": "Google Sheets",
        "hubspot": "HubSpot",
        "email": "Email (SendGrid/Resend)",
        "calendar": "Calendar (Google Calendar)",
        "slack": "Slack",
        "discord": "Discord",
        "sms": "SMS (Twilio)",
        "zapier": "Zapier",
        "make": "Make",
    }
)
"""Slugs that a client's configuration uses, and the labels that a plan shows."""


def integration_label(slug: str) -> str | None:
    """Return the catalogue's label of an integration slug, or None for an unknown one."""
    return INTEGRATIONS.get(slug)
