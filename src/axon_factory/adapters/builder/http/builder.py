"""HttpBuilder: an Autonomous Agent builds elsewhere and hands over git bundles (design §5.3)."""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from axon_factory.adapters.builder.handover import (
    HandoverLimits,
    before_the_end,
    final_milestones,
    pack_bundle,
    take_bundle,
    verified_milestones,
)
from axon_factory.adapters.builder.http.client import (
    AgentAddress,
    AgentClient,
    AgentRefused,
    AgentUnreachable,
)
from axon_factory.adapters.builder.http.messages import (
    Artifact,
    Cancelled,
    FoundSessions,
    LogLine,
    SessionReport,
    SessionStatus,
    StartedSession,
    Usage,
    session_to_start,
)
from axon_factory.adapters.builder.repository import Repository
from axon_factory.domain.events import LogLevel
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.builder import (
    AgentLog,
    AgentQuestion,
    BuildReport,
    BuildRequest,
    BuildStatus,
    MilestoneReport,
    ReportedProgress,
    SessionLost,
    visibility_of,
)
from axon_factory.ports.errors import PortError
from axon_factory.ports.planner import ModelUse

MAX_LOG_LINES = 500
_AGENT = "Autonomous Agent"
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_ANSWER_NOT_WANTED = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE})
_ENDED_ALREADY = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE})


@dataclass(frozen=True, slots=True)
class Used:
    """What models have cost so far; `usd` is a decimal number as text, so that none is lost."""

    input_tokens: int = 0
    output_tokens: int = 0
    usd: str = "0"

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """Take the totals that the agent says."""
        return cls(usage.input_tokens, usage.output_tokens, f"{usage.cost_usd or 0.0:.6f}")

    def since(self, earlier: "Used") -> "Used":
        """Return what came to `earlier`; totals that fall count for nothing."""
        usd = max(_decimal(self.usd) - _decimal(earlier.usd), Decimal(0))
        return Used(
            max(self.input_tokens - earlier.input_tokens, 0),
            max(self.output_tokens - earlier.output_tokens, 0),
            str(usd),
        )

    def at_least(self, earlier: "Used") -> "Used":
        """Return the greater of each: what was counted once is not counted again."""
        return Used(
            max(self.input_tokens, earlier.input_tokens),
            max(self.output_tokens, earlier.output_tokens),
            str(max(_decimal(self.usd), _decimal(earlier.usd))),
        )

    @property
    def cost(self) -> Decimal:
        """The amount in USD."""
        return _decimal(self.usd)


@dataclass(frozen=True, slots=True)
class Reading:
    """The agent's own cursor, the newest bundle that was taken, what was counted of its cost."""

    log: str | None = None
    bundle: str | None = None
    used: Used = Used()

    @classmethod
    def of(cls, text: str | None) -> Self:
        """Read what :meth:`text` wrote; from the beginning if it cannot be read."""
        try:
            content = json.loads(text or "{}")
            return cls(content.get("log"), content.get("bundle"), Used(**content.get("used", {})))
        except (ValueError, TypeError, AttributeError):
            return cls()

    def text(self) -> str:
        """Return it as the line keeps it."""
        return json.dumps(asdict(self), separators=(",", ":"))


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)


class HttpBuilder:
    """Looks at the agent's session at each call; builds nothing itself.

    An agent that does not answer while a session runs is silent, not failed: the report then says
    that nothing was heard.
    """

    name = "http"

    def __init__(
        self,
        address: AgentAddress,
        *,
        mode: str = "balanced",
        poll_seconds: float = 15.0,
        limits: HandoverLimits | None = None,
    ) -> None:
        """`mode` is how the agent is told to work; it is looked at every `poll_seconds`."""
        self._client = AgentClient(address)
        self._mode = mode
        self._poll_seconds = poll_seconds
        self._limits = limits or HandoverLimits(bundle_bytes=address.max_bundle_bytes)

    async def reach(self) -> str:
        """Ask for the session of a key that was never used; see the port."""
        await self._client.read(FoundSessions, "/sessions", {"idempotency_key": "axon-doctor"})
        return "responde y acepta las credenciales"

    async def start(
        self,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — a session's key is the request's own
    ) -> str:
        """Start the session; with the same key the agent answers with the same one.

        What was handed over in earlier attempts goes along, for the agent to build on.

        Raises:
            PortError: the agent cannot be reached (transient) or refuses.
        """
        with tempfile.TemporaryDirectory(prefix="axon-handover-") as folder:
            base = await self._upload_base(request, Path(folder) / "base.bundle")
        body = session_to_start(request, self._mode, base)
        started = await self._client.write(
            StartedSession, "/sessions", body, key=request.session_key
        )
        return started.session_id

    async def _upload_base(self, request: BuildRequest, file: Path) -> dict[str, Any] | None:
        commit = await pack_bundle(Repository(request.product_dir), file)
        if commit is None:
            return None
        content = await asyncio.to_thread(file.read_bytes)
        digest = hashlib.sha256(content).hexdigest()
        await self._client.upload(f"/bundles/{digest}", content)
        return {"commit": commit, "sha256": digest, "size": len(content)}

    async def find(
        self,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — as in start
    ) -> str | None:
        """Ask the agent for the session of the request's key."""
        found = await self._client.read(
            FoundSessions, "/sessions", {"idempotency_key": request.session_key}
        )
        return found.sessions[0].session_id if found.sessions else None

    async def proceed(
        self,
        session_id: str,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — looking has no effect; answers have keys of their own
    ) -> BuildReport:
        """Hand over answers, and look what the session has to show.

        Raises:
            SessionLost: the agent does not know the session, or somebody cancelled it there.
            PortError: the session failed, ended without code, or handed over what is refused
                (all final); the agent's answer is not understood (transient).
        """
        reading = Reading.of(request.cursor)
        try:
            await self._hand_over_answers(session_id, request)
            said = await self._look(session_id, reading.log)
            _require_alive(said)
            bundle = await self._take_newest(said.bundle, request, reading.bundle)
        except AgentUnreachable:
            return BuildReport(
                BuildStatus.WORKING, poll_after_seconds=self._poll_seconds, heard=False
            )
        ended = said.status is SessionStatus.COMPLETED
        if ended and bundle is None:
            raise _failed("El agente dice que terminó, pero no entregó ningún repositorio.")
        milestones = await _evidence(request, ended=ended)
        return self._report(said, replace(reading, bundle=bundle), milestones)

    async def stop(
        self,
        session_id: str,
        request: BuildRequest,  # noqa: ARG002 — the session's id says all
        *,
        force: bool,
        idempotency_key: str,
    ) -> bool:
        """Ask the agent to cancel; it has ended when the agent says so, or knows it no more."""
        path = f"/sessions/{session_id}/cancel"
        try:
            said = await self._client.write(Cancelled, path, {"force": force}, key=idempotency_key)
        except AgentRefused as error:
            if error.status in _ENDED_ALREADY:
                return True
            raise
        return said.status.has_ended

    async def forget(self, order_id: str, *, idempotency_key: str) -> None:
        """Do nothing: what the agent keeps is elsewhere."""

    async def _hand_over_answers(self, session_id: str, request: BuildRequest) -> None:
        for answer in request.answers:
            body = {
                "question_id": answer.key,
                "number": answer.number,
                "question": answer.question,
                "answer": answer.answer,
            }
            key = f"{request.session_key}:{answer.number}"
            try:
                await self._client.tell(f"/sessions/{session_id}/answers", body, key=key)
            except AgentRefused as error:
                if error.status not in _ANSWER_NOT_WANTED:
                    raise

    async def _look(self, session_id: str, cursor: str | None) -> SessionReport:
        path = f"/sessions/{session_id}"
        try:
            return await self._client.read(
                SessionReport, path, None if cursor is None else {"after": cursor}
            )
        except AgentRefused as error:
            if error.status == HTTPStatus.GONE and cursor is not None:
                # The cursor has expired: from the beginning; known lines are recognised.
                return await self._look(session_id, None)
            if error.status in _GONE:
                raise SessionLost("el agente ya no conoce la sesión") from error
            raise

    async def _take_newest(
        self, offered: Artifact | None, request: BuildRequest, taken: str | None
    ) -> str | None:
        """Take the newest bundle unless it is taken already; return the digest of the newest."""
        if offered is None or offered.sha256 == taken:
            return taken
        with tempfile.TemporaryDirectory(prefix="axon-handover-") as folder:
            file = Path(folder) / "handover.bundle"
            await self._client.download(offered, file)
            await take_bundle(Repository(request.product_dir), file, limits=self._limits)
        return offered.sha256

    def _report(
        self, said: SessionReport, reading: Reading, milestones: tuple[MilestoneReport, ...]
    ) -> BuildReport:
        now = datetime.now(UTC)
        used = reading.used
        uses: tuple[ModelUse, ...] = ()
        if said.usage is not None:
            used = Used.of(said.usage).at_least(reading.used)
            uses = _uses(said.usage, used.since(reading.used), now)
        ended = said.status is SessionStatus.COMPLETED
        return BuildReport(
            BuildStatus.FINISHED if ended else BuildStatus.WORKING,
            milestones,
            poll_after_seconds=0.0 if ended else self._poll_seconds,
            logs=_logs(said.logs, reading.log),
            questions=tuple(
                AgentQuestion(one.id, one.text, one.options, to_client=one.audience != "operator")
                for one in said.questions
                if one.text.strip()
            ),
            reported=ReportedProgress(
                None if said.progress is None else int(said.progress),
                said.completed_actions,
                said.completed_milestones,
            ),
            heartbeat_at=min(said.last_heartbeat_at, now) if said.last_heartbeat_at else None,
            cursor=replace(reading, log=said.cursor or reading.log, used=used).text(),
            uses=uses,
        )


def _require_alive(said: SessionReport) -> None:
    if said.status is SessionStatus.CANCELLED:
        raise SessionLost("la sesión fue cancelada en el agente")
    if said.status is SessionStatus.FAILED:
        raise _failed("El agente no pudo construir el producto", detail=said.error or "")


async def _evidence(request: BuildRequest, *, ended: bool) -> tuple[MilestoneReport, ...]:
    repository = Repository(request.product_dir)
    if ended:
        return await final_milestones(repository, request.attempt, request.plan)
    proven = await verified_milestones(repository, request.attempt, request.plan)
    return before_the_end(proven, request.plan, request.completed)


def _logs(lines: tuple[LogLine, ...], after: str | None) -> tuple[AgentLog, ...]:
    """Return the lines; of more than can be kept at once, the last, and a word on the others."""
    kept = tuple(_log(line) for line in lines[-MAX_LOG_LINES:] if line.message.strip())
    left_out = len(lines) - MAX_LOG_LINES
    if left_out <= 0:
        return kept
    text = f"El agente escribió {left_out} líneas más, que no se guardaron"
    return (AgentLog(f"omitidas:{after or ''}", _AGENT, text, LogLevel.WARNING), *kept)


def _log(line: LogLine) -> AgentLog:
    known: Iterable[str] = (level.value for level in LogLevel)
    level = LogLevel(line.level) if line.level in known else LogLevel.INFO
    agent = line.agent.strip() or _AGENT
    return AgentLog(line.id, agent, line.message, level, line.at, visibility_of(level))


def _uses(usage: Usage, new: Used, now: datetime) -> tuple[ModelUse, ...]:
    if new == Used(usd=new.usd) and not new.cost:
        return ()
    return (
        ModelUse(
            provider=usage.provider or "agente",
            model=usage.model or "desconocido",
            prompt_version="agente",
            input_tokens=new.input_tokens,
            output_tokens=new.output_tokens,
            cost_usd=None if usage.cost_usd is None else new.cost,
            latency_ms=0,
            outcome="ok",
            started_at=now,
        ),
    )


def _failed(message: str, *, detail: str = "") -> PortError:
    return PortError(message, cause=FailureCause.CONSTRUCCION_FALLIDA, detail=detail)
