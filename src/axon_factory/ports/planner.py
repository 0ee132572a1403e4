"""Planner: turns an order into a construction plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from axon_factory.domain.plan import Plan

__all__ = ["PlanRequest", "Planner"]


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a planner may know: never notas_internas, never a credential (resolutions 11, 29)."""

    order_id: str
    order_number: str
    product_type: str
    product_name: str
    industry: str
    configuration: Mapping[str, Any]
    rejection_reason: str | None = None
    """The approver's reason when an earlier version was rejected."""


class Planner(Protocol):
    """Makes plans. `name` is shown on the plan as its author."""

    name: str

    async def make_plan(self, request: PlanRequest, *, idempotency_key: str) -> Plan:
        """Return a plan whose templates, integrations and agents all come from the catalogue.

        Raises:
            PortError: no plan could be made.
        """
        ...
