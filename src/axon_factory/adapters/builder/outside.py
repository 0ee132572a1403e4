"""Builders that hand the work on: to the builder that an order names, or to an agent outside.

`OutsideBuilder` is the base of `http`, `a2a` and `command`. A protocol gives it four methods: start
a session, find it, look at it, stop it. A look shows a :class:`Seen`; the base decides what of it
counts, and what the silence of an agent means.
"""

import asyncio
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from axon_factory.adapters.builder.handover import (
    HandoverLimits,
    before_the_end,
    final_milestones,
    pack_bundle,
    take_bundle,
    verified_milestones,
)
from axon_factory.adapters.builder.repository import Repository
from axon_factory.domain.events import LogLevel, Visibility
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.builder import (
    AgentLog,
    AgentQuestion,
    Builder,
    BuildReport,
    BuildRequest,
    BuildStatus,
    MilestoneReport,
    ReportedProgress,
)
from axon_factory.ports.errors import PortError
from axon_factory.ports.planner import ModelUse

_log = structlog.get_logger(__name__)


class Unheard(PortError):
    """The agent could not be asked, or said nothing that can be understood. It may yet."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A git bundle that the agent offers and that was not taken yet.

    Attributes:
        digest: tells one delivery from the next.
        fetch: writes the bundle to a path.
        speaker: the agent's name. A bundle that is not acceptable becomes a line of its log while
            the agent works. Without a name it fails the order.
    """

    digest: str
    fetch: Callable[[Path], Awaitable[None]]
    speaker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look at a session shows. The members that are not named here are the report's.

    Attributes:
        ended: the agent says that it has nothing left to do.
        delivery: the bundle to take; None: there is nothing new.
        proven: the milestones that commits prove; None: the product's repository is asked.
        pause: seconds until the next look; None: the builder's own.
    """

    ended: bool = False
    delivery: Delivery | None = None
    proven: tuple[MilestoneReport, ...] | None = None
    pause: float | None = None
    logs: tuple[AgentLog, ...] = ()
    questions: tuple[AgentQuestion, ...] = ()
    reported: ReportedProgress | None = None
    heartbeat_at: datetime | None = None
    cursor: str | None = None
    uses: tuple[ModelUse, ...] = ()


class OutsideBuilder(ABC):
    """Has an agent build, and looks at its session now and then; builds nothing itself.

    The keys of sessions follow from order and attempt: looking twice does nothing twice.
    """

    name: str

    def __init__(self, poll_seconds: float, limits: HandoverLimits) -> None:
        self._poll_seconds = poll_seconds
        self._limits = limits

    @abstractmethod
    async def reach(self) -> str:
        """Return a few words (Spanish) on the agent; see the port."""

    @abstractmethod
    async def _start(self, request: BuildRequest) -> str:
        """Start the session, or find the one that was started before; return its id.

        Raises:
            PortError: none can be had.
        """

    @abstractmethod
    async def _find(self, request: BuildRequest) -> str | None:
        """Return the id of the request's session; None: none was started."""

    @abstractmethod
    async def _look(self, session_id: str, request: BuildRequest) -> BuildReport:
        """Give the request's answers, look at the session, and return :meth:`_report` of it.

        Raises:
            SessionLost: it is unknown, or was ended by somebody else.
            Unheard: the agent does not answer.
            PortError: the agent failed, or handed over what cannot be taken.
        """

    @abstractmethod
    async def _stop(
        self, session_id: str, request: BuildRequest, *, force: bool, idempotency_key: str
    ) -> bool:
        """Ask the session to end; return whether it has ended. One that is gone has ended."""

    async def start(
        self,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — order and attempt are the key of a session
    ) -> str:
        """Start the session, or find it; see the port."""
        return await self._start(request)

    async def find(
        self,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — as in start
    ) -> str | None:
        """Return the session's id if it was ever started; see the port."""
        return await self._find(request)

    async def proceed(
        self,
        session_id: str,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — looking has no effect; answers have keys of their own
    ) -> BuildReport:
        """Look what the session has to show; see the port.

        An agent that is not heard is silent, not failed: it is looked at again.
        """
        try:
            return await self._look(session_id, request)
        except Unheard as error:
            _log.warning("agent not heard", order_id=request.order_id, error=error.for_staff)
            return BuildReport(
                BuildStatus.WORKING,
                poll_after_seconds=self._poll_seconds,
                cursor=request.cursor,
                heard=False,
            )

    async def stop(
        self, session_id: str, request: BuildRequest, *, force: bool, idempotency_key: str
    ) -> bool:
        """Ask the session to end; see the port."""
        return await self._stop(session_id, request, force=force, idempotency_key=idempotency_key)

    async def forget(self, order_id: str, *, idempotency_key: str) -> None:  # noqa: B027 — not abstract: most keep nothing here
        """Do nothing: what the agent keeps is elsewhere."""

    async def _report(self, seen: Seen, request: BuildRequest) -> BuildReport:
        """Take what is handed over; return what the session has to show.

        While the agent works, the milestone that ends the plan is not reported. Once it has ended,
        what is in the repository is the product.

        Raises:
            PortError: it cannot be taken, or cannot be taken now (transient).
        """
        repository = Repository(request.product_dir)
        notes: tuple[AgentLog, ...] = ()
        if seen.delivery is not None:
            notes = await self._take(seen.delivery, repository, ended=seen.ended)
        plan, completed = request.plan, request.completed
        proven = seen.proven
        if proven is None:
            read = final_milestones if seen.ended else verified_milestones
            proven = await read(repository, request.attempt, plan)
        done = tuple(report for report in proven if report.id not in completed)
        pause = self._poll_seconds if seen.pause is None else seen.pause
        return BuildReport(
            BuildStatus.FINISHED if seen.ended else BuildStatus.WORKING,
            done if seen.ended else before_the_end(proven, plan, completed),
            poll_after_seconds=0.0 if seen.ended else pause,
            logs=seen.logs + notes,
            questions=seen.questions,
            reported=seen.reported,
            heartbeat_at=seen.heartbeat_at,
            cursor=seen.cursor,
            uses=seen.uses,
        )

    async def _take(
        self, delivery: Delivery, repository: Repository, *, ended: bool
    ) -> tuple[AgentLog, ...]:
        try:
            with tempfile.TemporaryDirectory(prefix="axon-handover-") as folder:
                bundle = Path(folder) / "handover.bundle"
                await delivery.fetch(bundle)
                await take_bundle(repository, bundle, limits=self._limits)
        except PortError as error:
            if ended or error.transient or delivery.speaker is None:
                raise
            return (refusal_of(delivery.digest, delivery.speaker, error),)
        return ()


def refusal_of(delivery: str, speaker: str, error: PortError) -> AgentLog:
    """Return the line of the log that says, to staff, why a delivery was not taken."""
    return AgentLog(
        f"entrega-{delivery}",
        speaker,
        error.for_staff,
        level=LogLevel.WARNING,
        visibility=Visibility.INTERNO,
    )


async def own_bundle(product_dir: Path, most_bytes: int | None = None) -> tuple[str, bytes] | None:
    """Return commit and bundle of what the product's repository holds: an agent continues it.

    None: there is nothing yet, or the bundle is larger than `most_bytes`.

    Raises:
        PortError: the repository could not be read (transient).
    """
    with tempfile.TemporaryDirectory(prefix="axon-handover-") as folder:
        target = Path(folder) / "base.bundle"
        commit = await pack_bundle(Repository(product_dir), target)
        if commit is None or (most_bytes is not None and target.stat().st_size > most_bytes):
            return None
        return commit, await asyncio.to_thread(target.read_bytes)


class ChosenBuilder:
    """Hands every call to the builder that the request names."""

    name = "chosen"

    def __init__(self, builders: Mapping[str, Builder]) -> None:
        """`builders` are those that the settings configure, by name."""
        self._builders = builders

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        """See the port."""
        return await self._of(request).start(request, idempotency_key=idempotency_key)

    async def find(self, request: BuildRequest, *, idempotency_key: str) -> str | None:
        """See the port."""
        return await self._of(request).find(request, idempotency_key=idempotency_key)

    async def proceed(
        self, session_id: str, request: BuildRequest, *, idempotency_key: str
    ) -> BuildReport:
        """See the port."""
        chosen = self._of(request)
        return await chosen.proceed(session_id, request, idempotency_key=idempotency_key)

    async def stop(
        self, session_id: str, request: BuildRequest, *, force: bool, idempotency_key: str
    ) -> bool:
        """See the port."""
        chosen = self._of(request)
        return await chosen.stop(session_id, request, force=force, idempotency_key=idempotency_key)

    async def forget(self, order_id: str, *, idempotency_key: str) -> None:
        """See the port; an order may have been given to several."""
        for builder in self._builders.values():
            await builder.forget(order_id, idempotency_key=idempotency_key)

    def _of(self, request: BuildRequest) -> Builder:
        chosen = self._builders.get(request.builder)
        if chosen is None:
            raise PortError(
                f"Este trabajador no tiene el constructor '{request.builder}'; los que tiene: "
                f"{', '.join(sorted(self._builders))}",
                cause=FailureCause.CONSTRUCTOR_NO_DISPONIBLE,
            )
        return chosen
