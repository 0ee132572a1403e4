"""Builder: constructs the product in a git repository, milestone by milestone (design §5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from axon_factory.domain.plan import Plan

__all__ = ["BuildReport", "BuildRequest", "BuildStatus", "Builder", "Finding", "MilestoneReport"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the Review Council found wrong; a rework must answer it."""

    check: str
    message: str


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One attempt (`intento`) at building one order.

    `product_dir` is the folder of the product's git repository; the builder creates it. `client`
    holds the client's public data (`nombre`, `email`, ...), `configuration` their configuration;
    both are data and never code.
    """

    order_id: str
    order_number: str
    slug: str
    product_type: str
    product_name: str
    attempt: int
    plan: Plan
    client: Mapping[str, Any]
    configuration: Mapping[str, Any]
    product_dir: Path
    findings: tuple[Finding, ...] = ()
    completed: frozenset[str] = frozenset()
    """Ids of the milestones that the order has already recorded as done in this attempt."""


class BuildStatus(StrEnum):
    """Where a session stands after a call of `proceed`."""

    WORKING = "working"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class MilestoneReport:
    """A milestone that is done, and the commit that proves it."""

    id: str
    agent: str
    message: str
    commit: str


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a session has to show: the newly completed milestones, and whether to call again."""

    status: BuildStatus
    milestones: tuple[MilestoneReport, ...] = field(default=())
    poll_after_seconds: float = 0.0
    """How long to wait before calling `proceed` again; 0 for a builder that works in the call."""


class Builder(Protocol):
    """Builds products in sessions. One session per order and attempt."""

    name: str

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        """Start, or find again, the session of this order and attempt; return its id.

        Raises:
            PortError: no session can be had.
        """
        ...

    async def proceed(
        self, session_id: str, request: BuildRequest, *, idempotency_key: str
    ) -> BuildReport:
        """Do, or observe, the next piece of work beyond `request.completed`.

        A repeated call finds the commits of an interrupted one and reports them again.

        Raises:
            PortError: the session failed.
        """
        ...

    async def stop(self, session_id: str, request: BuildRequest, *, idempotency_key: str) -> None:
        """End the session and what it runs; a session that is gone already is no error."""
        ...
