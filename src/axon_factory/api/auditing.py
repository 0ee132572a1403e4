"""What is recorded beside a write: where it came from, refusals, reports that came too late."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import HTTPConnection

from axon_factory.accounts.sessions import Client
from axon_factory.db.audit import append_audit
from axon_factory.db.sessions import Database
from axon_factory.domain.audit import AuditEntry, Outcome
from axon_factory.domain.errors import AttemptEnded, Forbidden
from axon_factory.domain.permissions import Action, Principal
from axon_factory.orders.runs.liveness import append_late_report, is_known_late

__all__ = ["Origin", "client_of", "origin_of", "record_late_report", "record_refusal"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from.

    Attributes:
        address: Of the client, as the server believes it.
        request_id: What logs and the answer name it by.
        route: Its path with the names of parameters: "/api/orders/{id}".
        subject: What the path names, unchecked.
    """

    address: str | None
    request_id: str | None
    route: str
    subject: str | None


def origin_of(request: HTTPConnection) -> Origin:
    """Return where `request` came from."""
    return Origin(
        address=request.client.host if request.client else None,
        request_id=getattr(request.state, "request_id", None),
        route=getattr(request.scope.get("route"), "path_format", request.url.path),
        subject=request.path_params.get("id"),
    )


def client_of(request: HTTPConnection) -> Client:
    """Return where `request` came from, as accounts note it of a login."""
    origin = origin_of(request)
    agent = request.headers.get("user-agent", "")
    return Client(origin.address or "", agent, origin.request_id)


async def record_refusal(
    database: Database, origin: Origin, principal: Principal, action: Action, refusal: Forbidden
) -> None:
    """Record, in a transaction of its own, that `principal` was refused `action`."""
    entry = AuditEntry.by(
        principal,
        action,
        outcome=Outcome.DENIED,
        subject=origin.subject,
        address=origin.address,
        request_id=origin.request_id,
        details={"ruta": origin.route, "codigo": refusal.codigo},
    )
    async with database.transaction("audit_refusal") as session:
        await append_audit(session, entry)


async def record_late_report(database: Database, late: AttemptEnded) -> None:
    """Put a refused report of an earlier attempt on the order's history, at most one a minute.

    What was asked is not read, and has no effect. Most reports of a minute end at the first look,
    without the order's lock: an agent that does not stop must not hold up the others.
    """
    now = datetime.now(UTC)
    async with database.reading() as session:
        if await is_known_late(session, late.order_id, late.token_id, now):
            return
    async with database.transaction("late_report") as session:
        await append_late_report(
            session,
            late.order_id,
            token_id=late.token_id,
            agent=late.agent,
            attempt=late.attempt,
            now=now,
        )
