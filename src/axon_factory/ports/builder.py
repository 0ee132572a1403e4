"""Builder: constructs the product in a git repository, milestone by milestone (design §5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from axon_factory.domain.building import BuilderName
from axon_factory.domain.events import LogLevel, Visibility
from axon_factory.domain.failure import FailureCause, MachineTrouble
from axon_factory.domain.plan import Plan
from axon_factory.ports.errors import PortError
from axon_factory.ports.planner import ModelUse

_TROUBLE = frozenset({LogLevel.WARNING, LogLevel.ERROR})


class SessionLost(PortError):
    """The session does not exist any more, or was ended by somebody else: it can be begun anew."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        """`message` says in Spanish what became of it, `detail` in the words of others."""
        super().__init__(message, cause=FailureCause.CONSTRUCCION_FALLIDA, detail=detail)


def build_failure(
    message: str,
    *,
    transient: bool = False,
    detail: str = "",
    trouble: MachineTrouble | None = None,
) -> PortError:
    """Return the failed construction that `message` tells of in Spanish; see `PortError`."""
    cause = FailureCause.CONSTRUCCION_FALLIDA
    return PortError(message, cause=cause, transient=transient, detail=detail, trouble=trouble)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the Review Council found wrong; a rework must answer it."""

    check: str
    message: str


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """The answer to a question that the session has asked. `key` is the question's own.

    `number` is the number of the order's question; one that came over the API is known by it.
    """

    key: str
    number: int
    question: str
    answer: str


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
    builder: str = BuilderName.TEMPLATES
    """Which of the configured builders this order is for."""
    goal: str = ""
    """What to build, in words, with deliverables that fit the type (design §5.3)."""
    tenant: str = "default"
    api_url: str = ""
    """Where the factory's API is, for an agent that reports by itself."""
    agent_token: str | None = field(default=None, repr=False)
    """The system token of this attempt; only a call that starts a session has one."""
    answers: tuple[AgentAnswer, ...] = ()
    """Answers that the session has not been given yet."""
    cursor: str | None = None
    """What the last report said of how far the session's log has been read."""

    @property
    def session_key(self) -> str:
        """The idempotency key of the session: one an order and attempt."""
        return f"{self.order_id}:{self.attempt}"


class BuildStatus(StrEnum):
    """Where a session stands after a call of `proceed`."""

    WORKING = "working"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class MilestoneReport:
    """A milestone that is done, and the commit in `product_dir` that proves it."""

    id: str
    agent: str
    message: str
    commit: str


@dataclass(frozen=True, slots=True)
class AgentLog:
    """A line of the session's own log; `key` tells it from every other one of the session."""

    key: str
    agent: str
    message: str
    level: LogLevel = LogLevel.INFO
    at: datetime | None = None
    visibility: Visibility = Visibility.CLIENTE
    """How an agent goes about its work is for staff."""


def visibility_of(level: LogLevel) -> Visibility:
    """Return who reads a line that an agent gave a level, but said nothing of its readers.

    What goes wrong is told in words of providers, gateways and tools: staff alone read it.
    """
    return Visibility.INTERNO if level in _TROUBLE else Visibility.CLIENTE


@dataclass(frozen=True, slots=True)
class AgentQuestion:
    """What the session needs to know before it goes on. `to_client`: else an operator answers."""

    key: str
    text: str
    options: tuple[str, ...] = ()
    to_client: bool = True


@dataclass(frozen=True, slots=True)
class ReportedProgress:
    """What an agent says of its progress: shown as its word, and believed in nothing."""

    percent: int | None = None
    completed_actions: int | None = None
    milestones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a session has to show: the newly completed milestones, and whether to call again."""

    status: BuildStatus
    milestones: tuple[MilestoneReport, ...] = ()
    poll_after_seconds: float = 0.0
    """How long to wait before calling `proceed` again; 0 for a builder that works in the call."""
    logs: tuple[AgentLog, ...] = ()
    questions: tuple[AgentQuestion, ...] = ()
    """Questions that are open now; those known already are recognised by their key."""
    reported: ReportedProgress | None = None
    heartbeat_at: datetime | None = None
    """The session's newest sign of life; None: this report is one."""
    cursor: str | None = None
    """Handed back in the next request; 1000 characters at most."""
    uses: tuple[ModelUse, ...] = ()
    """What models have cost since the last report, as far as the session says."""
    heard: bool = True
    """False: the session did not answer; nothing else of the report counts but when to ask again.
    Answers stay undelivered, and no sign of life is recorded."""


class Builder(Protocol):
    """Builds products in sessions. One session per order and attempt."""

    name: str

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        """Start, or find again, the session of `request.session_key`; return its id.

        Raises:
            PortError: no session can be had.
        """
        ...

    async def find(self, request: BuildRequest, *, idempotency_key: str) -> str | None:
        """Return the id of the session of `request.session_key` if one was started; start none.

        Raises:
            PortError: that cannot be said at present.
        """
        ...

    async def proceed(
        self, session_id: str, request: BuildRequest, *, idempotency_key: str
    ) -> BuildReport:
        """Do, or observe, the next piece of work beyond `request.completed`.

        A repeated call finds the commits of an interrupted one and reports them again.

        Raises:
            SessionLost: there is no such session any more.
            PortError: the session failed.
        """
        ...

    async def stop(
        self, session_id: str, request: BuildRequest, *, force: bool, idempotency_key: str
    ) -> bool:
        """Ask the session to end; return whether it is known to have ended.

        A session that is gone already has ended. With `force` the builder does what it can
        without the session's consent.

        Raises:
            PortError: it could not be asked.
        """
        ...

    async def forget(self, order_id: str, *, idempotency_key: str) -> None:
        """Remove what the builder keeps about the order on this machine, of every attempt.

        The product's repository is not the builder's. What an agent elsewhere keeps is out of
        reach.

        Raises:
            PortError: something of it could not be removed.
        """
        ...


class AgentBuilder(Builder, Protocol):
    """A builder that hands the work to an agent, which may or may not be there."""

    async def reach(self) -> str:
        """Return a few words (Spanish) on the agent; nothing is started.

        Raises:
            PortError: it cannot be reached, or does not take what the settings say.
        """
        ...
