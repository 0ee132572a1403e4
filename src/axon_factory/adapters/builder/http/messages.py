"""What goes over the wire: the session that is asked for, and what an agent answers.

An agent's answer is text of others. Unknown members are ignored, numbers are brought into their
range, texts lose what cannot be stored or shown; what cannot be understood at all is an error.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from axon_factory.domain.text import FOR_BUILDERS
from axon_factory.ports.builder import BuildRequest

ORIGIN = "orders_system"
_BUNDLE = "git_bundle"
_LARGEST_COUNT = 1_000_000_000
_LARGEST_COST = 100_000.0
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class SessionStatus(StrEnum):
    """Where a session stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        """True when nothing is done any more."""
        return self in {self.COMPLETED, self.FAILED, self.CANCELLED}


def clean_text(text: str, limit: int) -> str:
    """Return a text that can be stored and shown: no NUL, no control characters, not too long."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")[:limit]


def _text(limit: int) -> AfterValidator:
    return AfterValidator(lambda text: clean_text(text, limit))


def _count(value: int) -> int:
    return min(max(value, 0), _LARGEST_COUNT)


def _cost(value: float) -> float:
    return min(max(value, 0.0), _LARGEST_COST) if value == value else 0.0  # noqa: PLR0124 — NaN


def _percent(value: float) -> int:
    return int(min(max(value, 0.0), 100.0)) if value == value else 0  # noqa: PLR0124 — NaN


def _plausible(value: datetime | None) -> datetime | None:
    """Leave out what no clock of this century says."""
    if value is None or not _EARLIEST <= value <= datetime.now(UTC) + timedelta(days=1):
        return None
    return value


SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]{1,200}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:~+/=-]{1,200}$")]
Count = Annotated[int, AfterValidator(_count)]
Moment = Annotated[AwareDatetime | None, AfterValidator(_plausible)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class StartedSession(_Answer):
    """A session that exists."""

    session_id: SessionId


class FoundSessions(_Answer):
    """The sessions of an idempotency key: none or one."""

    sessions: tuple[StartedSession, ...] = Field(max_length=10)


class Cancelled(_Answer):
    """Where the session stands after it was asked to end."""

    status: SessionStatus


class LogLine(_Answer):
    """A line of the session's log."""

    id: Key
    message: Annotated[str, _text(1000)]
    agent: Annotated[str, _text(100)] = ""
    level: str = "info"
    at: Moment = None


class Question(_Answer):
    """A question that is open."""

    id: Key
    text: Annotated[str, _text(2000)]
    options: tuple[Annotated[str, _text(200)], ...] = Field(default=(), max_length=20)
    audience: str = "client"


class Artifact(_Answer):
    """Something that the session has made; only git bundles are of use."""

    type: str
    url: Annotated[str, StringConstraints(max_length=2000)] = ""
    sha256: str = ""
    size: int = 0


class Usage(_Answer):
    """What models have cost since the session began; `model` is the one that cost most."""

    provider: Annotated[str, _text(100)] = ""
    model: Annotated[str, _text(100)] = ""
    input_tokens: Count = 0
    output_tokens: Count = 0
    cost_usd: Annotated[float, AfterValidator(_cost)] | None = None


class SessionReport(_Answer):
    """What a session has to show since the cursor."""

    status: SessionStatus
    cursor: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:~+/=-]{1,300}$")] | None = None
    completed_milestones: tuple[Annotated[str, _text(63)], ...] = Field(default=(), max_length=500)
    completed_actions: Count | None = None
    progress: Annotated[float, AfterValidator(_percent)] | None = None
    last_heartbeat_at: Moment = None
    logs: tuple[LogLine, ...] = ()
    questions: tuple[Question, ...] = Field(default=(), max_length=50)
    artifacts: tuple[Artifact, ...] = Field(default=(), max_length=100)
    usage: Usage | None = None
    error: Annotated[str, _text(300)] = ""

    @property
    def bundle(self) -> Artifact | None:
        """The newest git bundle."""
        return next((one for one in reversed(self.artifacts) if one.type == _BUNDLE), None)


def session_to_start(
    request: BuildRequest, mode: str, base: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the body of `POST /sessions` (`start_external_goal_session`, design §5.3)."""
    return {
        "goal": request.goal,
        "mode": mode,
        "tenant_id": request.tenant,
        "origin": ORIGIN,
        "metadata": {
            "order_id": request.order_id,
            "order_number": request.order_number,
            "tipo_producto": request.product_type,
            "intento": request.attempt,
        },
        "product": {"nombre": request.product_name, "slug": request.slug},
        "plan": request.plan.model_dump(mode="json"),
        "client": dict(request.client),
        "configuration": FOR_BUILDERS.data(request.configuration),
        "findings": [{"check": one.check, "message": one.message} for one in request.findings],
        "completed_milestones": sorted(request.completed),
        "base": base,
        "callback": {"api_url": request.api_url, "system_token": request.agent_token},
    }
