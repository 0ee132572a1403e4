"""What the owner of a factory has decided: plain values that the composition root passes in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

__all__ = ["Policy"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Business settings (resolutions 27).

    `zone` decides an order's year; `auto_approve` names the product types whose plans approve
    themselves; `max_reworks` is how often the council may send a product back before a person
    decides; a step may fail `max_step_failures` times and be begun `max_step_attempts` times
    (crashes included), with `retry_delay` doubling between tries.
    """

    zone: ZoneInfo
    currency: str
    tenant: str
    public_url: str
    approver_email: str
    support_email: str
    portal_url: Callable[[UUID], str]
    """The link to an order's portal page, which needs no login and shows no secret."""
    auto_approve: frozenset[str] = field(default_factory=frozenset[str])
    max_reworks: int = 3
    max_step_failures: int = 3
    max_step_attempts: int = 8
    retry_delay: timedelta = timedelta(seconds=2)
