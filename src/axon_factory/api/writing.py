"""The one way in which a route writes: authorised, once per Idempotency-Key, in one transaction.

async with write.order("cancel", id) as change:
    order = change.order
    ...
    return write.answer(body, order_id=order.id)
"""

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.answers import prefers_english, rendered, version_etag
from axon_factory.api.auditing import Origin, origin_of, record_late_report, record_refusal
from axon_factory.api.authentication import require
from axon_factory.api.idempotency import (
    KeptAnswer,
    RequestKey,
    fingerprint,
    is_well_formed,
    keep_answer,
    kept_answer,
)
from axon_factory.api.parameters import IfMatch, refuse_repeated
from axon_factory.api.services import ApiServices, Services
from axon_factory.db.audit import append_audit
from axon_factory.db.tables import Order
from axon_factory.domain.audit import ACCESS_CHAIN, AuditEntry, Fact
from axon_factory.domain.errors import AttemptEnded, Forbidden, ValidationFailed
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.text import Sentence, in_english
from axon_factory.orders.answers.acts import Decision
from axon_factory.orders.change import Change
from axon_factory.orders.read import lock_order

__all__ = ["AnsweredBefore", "Write", "entry_of", "write_as"]


class AnsweredBefore(Exception):
    """Ends a route whose Idempotency-Key has an answer already; the application sends that one."""

    def __init__(self, kept: KeptAnswer) -> None:
        super().__init__()
        self.response = _response(kept, {"Idempotency-Replayed": "true"})


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The answer of a write, and what the audit trail says of it."""

    answer: KeptAnswer
    order_id: UUID | None
    subject: str | None
    facts: Mapping[str, Fact]


@dataclass(slots=True)
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
    _outcome: _Outcome | None = field(default=None, init=False)

    async def refuse_repetition(self) -> None:
        """End a request whose key has its answer already, before a route prepares at a cost.

        Raises:
            AnsweredBefore: the key's answer is kept.
            RequestInFlight: the same key is being worked on.
            IdempotencyKeyReused: the key belongs to another request.
        """
        if self.key is None:
            return
        async with self.services.database.reading() as session:
            kept = await kept_answer(session, self.key, self.services.secret_box)
        if kept is not None:
            raise AnsweredBefore(kept)

    @asynccontextmanager
    async def transaction(self, unit: str, *, audited: bool = True) -> AsyncGenerator[AsyncSession]:
        """Open the write's transaction; its body ends with `return write.answer(...)`.

        The answer is kept under the request's key, and the act stands on the audit trail, by the
        same transaction. The answer leaves after the commit.

        Args:
            unit: the transaction's name, for failpoints and the audit trail.
            audited: False for what comes every minute and decides nothing.

        Raises:
            AnsweredBefore: the key's answer is kept; the body does not run.
            RequestInFlight: the same key is being worked on.
            IdempotencyKeyReused: the key belongs to another request.
            AttemptEnded: the agent's attempt ended meanwhile; the order's staff see that.
        """
        # Loaded before there is a lock: the mails of a transaction are rendered in it.
        import_module("axon_factory.orders.notifications.rendering")

        database, box = self.services.database, self.services.secret_box
        try:
            async with database.transaction(unit) as session:
                kept = await kept_answer(session, self.key, box) if self.key else None
                if kept is None:
                    yield session
                    await self._record(session, unit, audited=audited)
        except Forbidden as refusal:
            await record_refusal(database, self.origin, self.principal, self.action, refusal)
            raise
        except AttemptEnded as late:
            await record_late_report(database, late)
            raise
        if kept is not None:
            raise AnsweredBefore(kept)

    @asynccontextmanager
    async def order(
        self, unit: str, reference: str, *, erased: bool = False, audited: bool = True
    ) -> AsyncGenerator[Change]:
        """Open the write's transaction with the order's row locked; the body changes the order.

        `erased` says that an order without its personal data may be written, too.

        Raises:
            OrderNotFound: there is no such order, or it is not the caller's.
            PreconditionFailed: the order is not at the version of `If-Match`.
            OrderErased: the order's personal data are erased.
        """
        async with self.transaction(unit, audited=audited) as session:
            order = await lock_order(
                session, reference, self.principal, if_version=self.if_match, erased=erased
            )
            by, policy = self.principal.actor, self.services.policy
            yield Change(session, order, by, policy, datetime.now(UTC))

    def answer(
        self,
        body: Mapping[str, Any],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        order_id: UUID | None = None,
        *,
        subject: str | None = None,
        facts: Mapping[str, Fact] | None = None,
    ) -> Response:
        """Return the response of this write, made before its transaction ends.

        Args:
            body: the document, with sentences in both languages.
            status: 200 or 201.
            headers: further headers.
            order_id: the order that was written; the audit trail names it.
            subject: what else was written, e.g. "user:…".
            facts: details for the audit trail (`domain.audit.DETAILS`).
        """
        document = in_english(body) if self.english else body
        answer = KeptAnswer(status, headers or {}, rendered(document).decode())
        self._outcome = _Outcome(answer, order_id, subject, facts or {})
        return _response(answer, {})

    def decided(
        self,
        order: Order,
        message: Sentence,
        model: type[Decision] = Decision,
        *,
        facts: Mapping[str, Fact] | None = None,
        **more: Any,  # noqa: ANN401 — JSON values
    ) -> Response:
        """Return the response of a decision: what is left of the order, with `more` of `model`."""
        body = model.of(order, message=message, **more)
        etag = {"ETag": version_etag(order.version)}
        return self.answer(body, headers=etag, order_id=order.id, facts=facts)

    async def _record(self, session: AsyncSession, unit: str, *, audited: bool) -> None:
        outcome = self._outcome
        if outcome is None:
            raise TypeError(f"the write {unit!r} has no answer")
        if self.key is not None:
            box, order_id = self.services.secret_box, outcome.order_id
            await keep_answer(session, self.key, outcome.answer, box, order_id=order_id)
        if audited:
            await append_audit(session, self._entry(unit, outcome))

    def _entry(self, unit: str, outcome: _Outcome) -> AuditEntry:
        return entry_of(
            self.principal,
            self.action,
            unit,
            self.key,
            order_id=outcome.order_id,
            subject=outcome.subject,
            address=self.origin.address,
            request_id=self.origin.request_id,
            facts=outcome.facts,
        )


def entry_of(  # noqa: PLR0913 — an entry has as many parts
    principal: Principal,
    action: Action,
    unit: str,
    key: RequestKey | None,
    *,
    order_id: UUID | None,
    address: str | None,
    request_id: str | None,
    subject: str | None = None,
    facts: Mapping[str, Fact] = MappingProxyType({}),
) -> AuditEntry:
    """Return what the audit trail says of a write; without an order it is an act of access."""
    details = {"unidad": unit, **facts}
    if key is not None:
        details["clave_idempotencia_sha256"] = hashlib.sha256(key.key.encode()).hexdigest()
    return AuditEntry.by(
        principal,
        action,
        chain=ACCESS_CHAIN if order_id is None else str(order_id),
        subject=subject,
        address=address,
        request_id=request_id,
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
    if not is_well_formed(key):
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


def _response(answer: KeptAnswer, headers: Mapping[str, str]) -> Response:
    return Response(
        answer.body,
        status_code=answer.status,
        media_type="application/json",
        headers={**answer.headers, **headers},
    )
