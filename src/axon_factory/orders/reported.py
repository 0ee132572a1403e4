"""What an agent says of its own progress: kept and shown as its word, and believed in nothing."""

from datetime import datetime
from typing import Any

from axon_factory.db.tables import Order
from axon_factory.domain.text import timestamp
from axon_factory.ports.builder import ReportedProgress

__all__ = ["keep_report", "reported_percent"]

_MOST_MILESTONES = 100
_LONGEST_NAME = 120


def keep_report(order: Order, said: ReportedProgress, now: datetime) -> None:
    """Keep the agent's newest word about the locked order; what it leaves out stays as it was."""
    kept: dict[str, Any] = dict(order.reported or {})
    if said.percent is not None:
        kept["percent"] = max(0, min(100, said.percent))
    if said.completed_actions is not None:
        kept["completed_actions"] = max(0, said.completed_actions)
    if said.milestones:
        kept["milestones"] = [name[:_LONGEST_NAME] for name in said.milestones[:_MOST_MILESTONES]]
    order.reported = {**kept, "at": timestamp(now)}


def reported_percent(order: Order) -> int | None:
    """Return the percentage that the agent gives of itself, None if it gives none."""
    return (order.reported or {}).get("percent")
