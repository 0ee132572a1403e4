"""Reports on orders: PATCH of progress and log, and many requests by one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from psycopg import AsyncConnection

from axon_factory.api.answers import rendered, version_etag
from axon_factory.api.authentication import holds
from axon_factory.api.hot.answer import Answer
from axon_factory.api.hot.plain import PlainRequest
from axon_factory.api.hot.writing import (
    CommitFailed,
    Written,
    charged,
    committing,
    with_unused_keys,
)
from axon_factory.api.idempotency import (
    KEPT,
    KeptAnswer,
    RequestKey,
    fingerprint,
    is_well_formed,
    kept_row,
)
from axon_factory.api.json_text import JsonLimits, certain_json
from axon_factory.api.rate_limits import Charge, Kind, RateLimits
from axon_factory.api.services import ApiServices
from axon_factory.api.writing import entry_of
from axon_factory.db import tables
from axon_factory.db.audit import HEADS, chains_of, following
from axon_factory.db.batches import Batches
from axon_factory.domain.audit import AuditEntry
from axon_factory.domain.permissions import Action
from axon_factory.domain.text import in_english
from axon_factory.orders.answers.acts import updated
from axon_factory.orders.patch_many import (
    PATCHED,
    Locked,
    Report,
    keep_row,
    keys_of,
    known_entries,
    lock_reported,
    report,
)
from axon_factory.orders.requests import OrderPatch
from axon_factory.orders.requests.certain import ShortCut
from axon_factory.orders.update import REPORTED
from axon_factory.orders.writes import OrderWrites, orders_statement

__all__ = ["OrderReports"]

_UNIT = "patch"
_WRITE = orders_statement(last=[KEPT], parts=PATCHED)
_HEADS = f"SELECT ({HEADS})".encode()
_PATCH = ShortCut(OrderPatch)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request, whose document is valid."""

    request: PlainRequest
    report: Report
    key: str | None
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class _Member:
    """One request that may be done; `at` is its place in the batch."""

    at: int
    asked: _Asked
    locked: Locked
    key: RequestKey | None

    @property
    def entry(self) -> AuditEntry:
        """The entry of the audit trail."""
        return entry_of(
            self.locked.principal,
            Action.UPDATE_ORDER,
            _UNIT,
            self.key,
            order_id=self.locked.order.id,
            address=self.asked.request.address,
            request_id=self.asked.request.request_id,
        )


@dataclass(frozen=True, slots=True)
class _Done:
    """A request that was done: the order as it was then, for its caller."""

    member: _Member
    document: dict[str, Any]
    etag: str
    charge: Charge | None


class OrderReports:
    """Answers PATCH /api/orders/{id} with `progreso`, `logs` and `asignado_a` alone."""

    def __init__(self, services: ApiServices, limits: RateLimits, json: JsonLimits) -> None:
        """`json` are the limits of a body."""
        self._database = services.database
        self._box = services.secret_box
        self._limits = limits
        self._json = json
        self._at_work: set[str] = set()
        self._batches: Batches[_Asked, Written | CommitFailed] = Batches(self._patch, most=32)

    async def patch(
        self, request: PlainRequest, reference: UUID | str, body: bytes
    ) -> Written | CommitFailed | None:
        """Report on one order; None leaves the request to the application."""
        patch = _PATCH.certain(certain_json(body, self._json))
        if patch is None or not patch.fields <= REPORTED:
            return None
        asked = Report(request.presented, reference, patch)
        key = request.field(b"idempotency-key")
        if key is None:
            return await self._batches.ask(_Asked(request, asked, None, b""))
        if key in self._at_work or not is_well_formed(key):
            return None
        self._at_work.add(key)
        try:
            content = fingerprint("PATCH", f"{request.path}?", body)
            return await self._batches.ask(_Asked(request, asked, key, content))
        finally:
            self._at_work.discard(key)

    async def _patch(self, asked: Sequence[_Asked]) -> Sequence[Written | CommitFailed | None]:
        results: list[Written | CommitFailed | None] = [None] * len(asked)
        async with committing(self._database, _UNIT) as (connection, commit):
            locked = await lock_reported(connection, [one.report for one in asked])
            writes = OrderWrites(datetime.now(UTC))
            members = await self._members(connection, asked, locked, writes.now)
            done = await self._reported(connection, writes, members)
            if done:
                entries = [one.member.entry for one in done]
                found = await connection.execute(_HEADS, {"chains": chains_of(entries)})
                row = await found.fetchone()
                writes.audit(following(entries, row[0] if row else ()))
                for one in done:
                    results[one.member.at] = self._written(writes, one)
                await connection.execute(_WRITE, {"rows": writes.rows.document()})
                commit.follows()
        if commit.error is None:
            return results
        return [None if result is None else CommitFailed(commit.error) for result in results]

    async def _members(
        self,
        connection: AsyncConnection[tuple[Any, ...]],
        asked: Sequence[_Asked],
        locked: Sequence[Locked | None],
        now: datetime,
    ) -> list[_Member]:
        """Return the requests that may be done. The others are for the application."""
        members: list[_Member] = []
        for at, (one, found) in enumerate(zip(asked, locked, strict=True)):
            if found is None or not holds(found.principal, Action.UPDATE_ORDER):
                continue
            scope = found.principal.idempotency_scope
            key = RequestKey(scope, one.key, one.fingerprint) if one.key else None
            members.append(_Member(at, one, found, key))
        return await with_unused_keys(connection, members, now)

    async def _reported(
        self,
        connection: AsyncConnection[tuple[Any, ...]],
        writes: OrderWrites,
        members: Sequence[_Member],
    ) -> list[_Done]:
        """Apply what is accepted, one report after the other."""
        dated = {
            key: member.locked.order.id
            for member in members
            for key in keys_of(member.locked, member.asked.report.patch)
        }
        known = await known_entries(connection, [*dated.values()], [*dated])
        done: list[_Done] = []
        for member in members:
            locked = member.locked
            passes, charge = await charged(self._limits, locked.principal)
            if not passes:
                continue
            if not report(writes, locked, member.asked.report.patch, known):
                self._limits.give_back(Kind.WRITES, locked.principal.id)
                continue
            document = updated(cast("tables.Order", locked.order), locked.principal)
            done.append(_Done(member, document, version_etag(locked.order.version), charge))
        orders = {one.member.locked.order.id: one.member.locked.order for one in done}
        for order in orders.values():
            keep_row(writes, order)
        return done

    def _written(self, writes: OrderWrites, one: _Done) -> Written:
        member = one.member
        request = member.asked.request
        body = rendered(in_english(one.document) if request.english else one.document)
        if member.key is not None:
            answer = KeptAnswer(200, {"ETag": one.etag}, body.decode())
            order_id = member.locked.order.id
            kept = kept_row(member.key, answer, self._box, writes.now, order_id)
            writes.rows.add(KEPT.name, kept)
        head = [(b"etag", one.etag.encode())]
        return Written(Answer(200, body, head, is_read=False), one.charge)
