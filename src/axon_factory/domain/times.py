"""The one way in which answers, events, notifications and exports write a time."""

from datetime import UTC, datetime

__all__ = ["timestamp"]


def timestamp(value: datetime | None) -> str | None:
    """Return e.g. "2025-11-14T10:00:00Z"."""
    if value is None:
        return None
    return value.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
