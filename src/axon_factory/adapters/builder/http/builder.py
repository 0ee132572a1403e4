"""HttpBuilder: an Autonomous Agent builds elsewhere and hands over git bundles (design §5.3)."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from http import HTTPStatus
from typing import Any, Self

from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.builder.http.client import AgentAddress, AgentClient, AgentRefused
from axon_factory.adapters.builder.http.messages import (
    Cancelled,
    FoundSessions,
    LogLine,
    SessionReport,
    SessionStatus,
    StartedSession,
    Usage,
    session_to_start,
)
from axon_factory.adapters.builder.outside import Delivery, OutsideBuilder, Seen, own_bundle
from axon_factory.domain.events import LogLevel
from axon_factory.ports.builder import (
    AgentLog,
    AgentQuestion,
    BuildReport,
    BuildRequest,
    ReportedProgress,
    SessionLost,
    build_failure,
    visibility_of,
)
from axon_factory.ports.planner import ModelUse

MAX_LOG_LINES = 500
_AGENT = "Autonomous Agent"
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_NOT_WANTED = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE})
"""An answer that is too late, or a session that has ended already."""


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


class HttpBuilder(OutsideBuilder):
    """Looks at the agent's session at each call, by the requests of design §5.3."""

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
        bundle_bytes = address.max_bundle_bytes
        super().__init__(poll_seconds, limits or HandoverLimits(bundle_bytes=bundle_bytes))
        self._client = AgentClient(address)
        self._mode = mode

    async def reach(self) -> str:
        """Ask for the session of a key that was never used; see the port."""
        await self._client.read(FoundSessions, "/sessions", {"idempotency_key": "axon-doctor"})
        return "responde y acepta las credenciales"

    async def _start(self, request: BuildRequest) -> str:
        """Start the session; with the same key the agent answers with the same one.

        What was handed over in earlier attempts goes along, for the agent to build on.
        """
        base = await self._upload_base(request)
        body = session_to_start(request, self._mode, base)
        started = await self._client.write(
            StartedSession, "/sessions", body, key=request.session_key
        )
        return started.session_id

    async def _upload_base(self, request: BuildRequest) -> dict[str, Any] | None:
        base = await own_bundle(request.product_dir)
        if base is None:
            return None
        commit, content = base
        digest = hashlib.sha256(content).hexdigest()
        await self._client.upload(f"/bundles/{digest}", content)
        return {"commit": commit, "sha256": digest, "size": len(content)}

    async def _find(self, request: BuildRequest) -> str | None:
        found = await self._client.read(
            FoundSessions, "/sessions", {"idempotency_key": request.session_key}
        )
        return found.sessions[0].session_id if found.sessions else None

    async def _look(self, session_id: str, request: BuildRequest) -> BuildReport:
        reading = Reading.of(request.cursor)
        await self._hand_over_answers(session_id, request)
        said = await self._read(session_id, reading.log)
        _require_alive(said)
        offered = said.bundle
        taken = offered.sha256 if offered else reading.bundle
        if said.status is SessionStatus.COMPLETED and taken is None:
            raise build_failure("El agente dice que terminó, pero no entregó ningún repositorio.")
        delivery = None
        if offered is not None and taken != reading.bundle:
            delivery = Delivery(offered.sha256, partial(self._client.download, offered))
        return await self._report(_seen(said, reading, taken, delivery), request)

    async def _stop(
        self,
        session_id: str,
        request: BuildRequest,  # noqa: ARG002 — the session's id says all
        *,
        force: bool,
        idempotency_key: str,
    ) -> bool:
        path = f"/sessions/{session_id}/cancel"
        try:
            said = await self._client.write(Cancelled, path, {"force": force}, key=idempotency_key)
        except AgentRefused as error:
            if error.status in _NOT_WANTED:
                return True
            raise
        return said.status.has_ended

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
                if error.status not in _NOT_WANTED:
                    raise

    async def _read(self, session_id: str, cursor: str | None) -> SessionReport:
        path = f"/sessions/{session_id}"
        try:
            return await self._client.read(
                SessionReport, path, None if cursor is None else {"after": cursor}
            )
        except AgentRefused as error:
            if error.status == HTTPStatus.GONE and cursor is not None:
                # The cursor has expired: from the beginning; known lines are recognised.
                return await self._read(session_id, None)
            if error.status in _GONE:
                raise SessionLost("el agente ya no conoce la sesión") from error
            raise


def _seen(
    said: SessionReport, reading: Reading, taken: str | None, delivery: Delivery | None
) -> Seen:
    """Return what the agent's report shows; `taken` is the digest of its newest bundle."""
    now = datetime.now(UTC)
    used = reading.used
    uses: tuple[ModelUse, ...] = ()
    if said.usage is not None:
        used = Used.of(said.usage).at_least(reading.used)
        uses = _uses(said.usage, used.since(reading.used), now)
    return Seen(
        ended=said.status is SessionStatus.COMPLETED,
        delivery=delivery,
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
        cursor=Reading(said.cursor or reading.log, taken, used).text(),
        uses=uses,
    )


def _require_alive(said: SessionReport) -> None:
    if said.status is SessionStatus.CANCELLED:
        raise SessionLost("la sesión fue cancelada en el agente")
    if said.status is SessionStatus.FAILED:
        raise build_failure("El agente no pudo construir el producto", detail=said.error or "")


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
