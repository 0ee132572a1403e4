"""The one way in which a route writes: authorised, once per Idempotency-Key, in one transaction.

async def cancel(id: str, reason: Reason, write: Annotated[Write, Depends(write_as(…))]):
async def work(session): ...; return Answer(body)
return await write.once("cancel", work)
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.answers import rendered
from axon_factory.api.auditing import Origin, origin_of, record_refusal
from axon_factory.api.authentication import require
from axon_factory.api.idempotency import (
    KeptAnswer,
    RequestKey,
    fingerprint,
    keep_answer,
    kept_answer,
)
from axon_factory.api.languages import prefers_english
from axon_factory.api.late_reports import record_late_report
from axon_factory.api.parameters import IfMatch, refuse_repeated
from axon_factory.api.services import ApiServices, Services
from axon_factory.db.audit import append_audit
from axon_factory.db.tables import Order
from axon_factory.domain.audit import ACCESS_CHAIN, AuditEntry, Fact
from axon_factory.domain.errors import AttemptEnded, Forbidden, ValidationFailed
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.sentences import Sentence, in_english
from axon_factory.orders.change import Change

__all__ = ["Answer", "Write", "write_as"]

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write is answered with.

    `order_id` is the order that was written, `subject` what else was ("user:…"): the audit trail
    names them.
    """

    body: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    order_id: UUID | None = None
    subject: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict[str, Fact])
    """Details for the audit trail (`domain.audit.DETAILS`)."""


Work = Callable[[AsyncSession], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Write:
    """One authorised write of one request."""

    services: ApiServices
    principal: Principal
    action: Action
    key: RequestKey | None
    if_match: int | None
    origin: Origin
    english: bool
    """In which language the caller reads the sentences of the answer."""

    def change(self, tx: AsyncSession, order: Order) -> Change:
        """Return what the caller does to the locked order, from now on."""
        return Change(tx, order, self.principal.actor, self.services.policy, datetime.now(UTC))

    async def kept(self) -> Response | None:
        """Return what this key was answered before, for writes that prepare at a cost.

        Raises:
            RequestInFlight: the same key is being worked on.
            IdempotencyKeyReused: the key belongs to another request.
        """
        if self.key is None:
            return None
        async with self.services.database.reading() as session:
            kept = await kept_answer(session, self.key, self.services.secret_box)
        return _replayed(kept) if kept else None

    async def once(self, unit: str, work: Work, *, audited: bool = True) -> Response:
        """Do `work` in a transaction called `unit`, or answer what this key was answered before.

        What was done stands on the audit trail, by the same transaction, before it is answered; not
        so with `audited=False`, for what comes every minute and decides nothing.

        Raises:
            RequestInFlight: the same key is being worked on.
            IdempotencyKeyReused: the key belongs to another request.
            AttemptEnded: the agent's attempt ended meanwhile; the order's staff see that.
        """
        try:
            return await self._once(unit, work, audited=audited)
        except Forbidden as refusal:
            database = self.services.database
            await record_refusal(database, self.origin, self.principal, self.action, refusal)
            raise
        except AttemptEnded as late:
            await record_late_report(self.services.database, late)
            raise

    async def _once(self, unit: str, work: Work, *, audited: bool) -> Response:
        async with self.services.database.transaction(unit) as session:
            if self.key is not None:
                kept = await kept_answer(session, self.key, self.services.secret_box)
                if kept is not None:
                    return _replayed(kept)
            answer = await work(session)
            body = in_english(answer.body) if self.english else answer.body
            sent = KeptAnswer(answer.status, answer.headers, rendered(body).decode())
            if self.key is not None:
                box = self.services.secret_box
                await keep_answer(session, self.key, sent, box, order_id=answer.order_id)
            if audited:
                await append_audit(session, self._entry(unit, answer))
        return _response(sent, {})

    def _entry(self, unit: str, answer: Answer) -> AuditEntry:
        details = {"unidad": unit, **answer.facts}
        if self.key is not None:
            digest = hashlib.sha256(self.key.key.encode()).hexdigest()
            details["clave_idempotencia_sha256"] = digest
        return AuditEntry.by(
            self.principal,
            self.action,
            chain=ACCESS_CHAIN if answer.order_id is None else str(answer.order_id),
            subject=answer.subject,
            address=self.origin.address,
            request_id=self.origin.request_id,
            details=details,
        )


def write_as(action: Action) -> Callable[..., Awaitable[Write]]:
    """Make a dependency that gives a route its `Write`, if the caller may do `action`."""

    async def dependency(
        request: Request,
        services: Services,
        principal: Annotated[Principal, Depends(require(action))],  # first: 401 before 400
        if_match: IfMatch,
        idempotency_key: Annotated[
            str | None,
            Header(description="Hasta 255 caracteres; la misma clave recibe la misma respuesta"),
        ] = None,
    ) -> Write:
        key = await _request_key(request, principal, idempotency_key)
        english = prefers_english(request.headers.get("accept-language", ""))
        return Write(services, principal, action, key, if_match, origin_of(request), english)

    return dependency


async def _request_key(
    request: Request, principal: Principal, key: str | None
) -> RequestKey | None:
    if key is None:
        return None
    refuse_repeated(request, "Idempotency-Key")
    if not _KEY.fullmatch(key):
        raise ValidationFailed(
            {
                "Idempotency-Key": Sentence(
                    "Debe tener de 1 a 255 caracteres ASCII visibles",
                    "Must have 1 to 255 visible ASCII characters",
                )
            }
        )
    target = request.url.path + "?" + request.url.query
    content = fingerprint(request.method, target, await request.body())
    return RequestKey(principal.idempotency_scope, key, content)


def _replayed(kept: KeptAnswer) -> Response:
    return _response(kept, {"Idempotency-Replayed": "true"})


def _response(answer: KeptAnswer, headers: Mapping[str, str]) -> Response:
    return Response(
        answer.body,
        status_code=answer.status,
        media_type="application/json",
        headers={**answer.headers, **headers},
    )
