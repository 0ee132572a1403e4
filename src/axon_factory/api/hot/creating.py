"""Placing orders: POST /api/orders, and many requests by one transaction."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from psycopg import AsyncConnection
from pydantic_core import to_json

from axon_factory.api.answers import rendered, version_etag
from axon_factory.api.authentication import holds
from axon_factory.api.hot.answer import Answer
from axon_factory.api.hot.plain import PlainRequest
from axon_factory.api.hot.writing import (
    CommitFailed,
    Written,
    charged,
    committing,
    places_of,
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
from axon_factory.api.rate_limits import Charge, RateLimits
from axon_factory.api.services import ApiServices
from axon_factory.api.writing import entry_of
from axon_factory.db.audit import following
from axon_factory.db.batches import Batches
from axon_factory.db.principals import LIVE, asked_credentials, principal_of
from axon_factory.domain.audit import AuditEntry
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.text import in_english
from axon_factory.orders.answers.acts import created
from axon_factory.orders.create_many import NEW_ORDERS, Placement, place, take_numbers
from axon_factory.orders.requests import NewOrder
from axon_factory.orders.requests.certain import certain_order
from axon_factory.orders.writes import Listener, OrderWrites, listening, orders_statement

__all__ = ["OrderCreations"]

_UNIT = "create"
_WRITE = orders_statement(NEW_ORDERS, [KEPT])


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request, whose document is valid."""

    request: PlainRequest
    order: NewOrder
    key: str | None
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class _Member:
    """One request that will be done; `at` is its place in the batch."""

    at: int
    asked: _Asked
    placement: Placement
    key: RequestKey | None
    charge: Charge | None

    @property
    def entry(self) -> AuditEntry:
        """The entry of the audit trail."""
        return entry_of(
            self.placement.principal,
            Action.CREATE_ORDER,
            _UNIT,
            self.key,
            order_id=self.placement.id,
            address=self.asked.request.address,
            request_id=self.asked.request.request_id,
        )


class OrderCreations:
    """Answers POST /api/orders without parameters, also with an `Idempotency-Key` that is new."""

    def __init__(self, services: ApiServices, limits: RateLimits, json: JsonLimits) -> None:
        """`json` are the limits of a body."""
        self._database = services.database
        self._box = services.secret_box
        self._policy = services.policy
        self._limits = limits
        self._json = json
        self._at_work: set[str] = set()
        self._batches: Batches[_Asked, Written | CommitFailed] = Batches(self._create, most=32)

    async def create(self, request: PlainRequest, body: bytes) -> Written | CommitFailed | None:
        """Place one order; None leaves the request to the application."""
        order = certain_order(certain_json(body, self._json))
        if order is None:
            return None
        key = request.field(b"idempotency-key")
        if key is None:
            return await self._batches.ask(_Asked(request, order, None, b""))
        # A repetition does not wait for the first one's batch: it is told that that is under way.
        if key in self._at_work or not is_well_formed(key):
            return None
        self._at_work.add(key)
        try:
            content = fingerprint("POST", f"{request.path}?", body)
            return await self._batches.ask(_Asked(request, order, key, content))
        finally:
            self._at_work.discard(key)

    async def _create(self, asked: Sequence[_Asked]) -> Sequence[Written | CommitFailed | None]:
        results: list[Written | CommitFailed | None] = [None] * len(asked)
        async with committing(self._database, _UNIT) as (connection, commit):
            now = datetime.now(UTC)
            principals, listeners = await _look(connection, asked, now)
            members = await self._members(connection, asked, principals, now)
            if members:
                entries = [member.entry for member in members]
                numbers, heads = await take_numbers(connection, entries, now, self._policy)
                writes = OrderWrites(now, listeners)
                writes.audit(following(entries, heads))
                for member, number in zip(members, numbers, strict=True):
                    results[member.at] = self._placed(writes, member, number)
                await connection.execute(_WRITE, {"rows": writes.rows.document()})
                commit.follows()
        if commit.error is None:
            return results
        return [None if result is None else CommitFailed(commit.error) for result in results]

    async def _members(
        self,
        connection: AsyncConnection[tuple[Any, ...]],
        asked: Sequence[_Asked],
        principals: Sequence[Principal | None],
        now: datetime,
    ) -> list[_Member]:
        """Return the requests that will be done. The others are for the application."""
        members: list[_Member] = []
        for at, (one, principal) in enumerate(zip(asked, principals, strict=True)):
            if principal is None or not holds(principal, Action.CREATE_ORDER):
                continue
            if one.order.construye not in {None, *self._policy.agents.offered}:
                continue
            key = one.key and RequestKey(principal.idempotency_scope, one.key, one.fingerprint)
            placement = Placement(one.order, one.order.construye, principal)
            members.append(_Member(at, one, placement, key or None, None))
        members = await with_unused_keys(connection, members, now)
        return [member async for member in self._charged(members)]

    async def _charged(self, members: Sequence[_Member]) -> AsyncIterator[_Member]:
        for member in members:
            passes, charge = await charged(self._limits, member.placement.principal)
            if passes:
                yield replace(member, charge=charge)

    def _placed(self, writes: OrderWrites, member: _Member, number: str) -> Written:
        order = place(writes, member.placement, number, self._policy)
        document = created(order)
        body = rendered(in_english(document) if member.asked.request.english else document)
        fields = {"Location": f"/api/orders/{order.id}", "ETag": version_etag(order.version)}
        if member.key is not None:
            answer = KeptAnswer(_CREATED, fields, body.decode())
            kept = kept_row(member.key, answer, self._box, writes.now, order.id)
            writes.rows.add(KEPT.name, kept)
        head = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        return Written(Answer(_CREATED, body, head, is_read=False), member.charge)


async def _look(
    connection: AsyncConnection[tuple[Any, ...]], asked: Sequence[_Asked], now: datetime
) -> tuple[list[Principal | None], list[Listener]]:
    """Return who makes each request, None where the application is to say why nobody does."""
    presented, places = places_of([one.request.presented for one in asked])
    statement, parameters = _look_statement()
    credentials = to_json(asked_credentials(presented)).decode()
    rows = await connection.execute(statement, {**parameters, "now": now, "asked": credentials})
    found = await rows.fetchone()
    if found is None:
        raise TypeError("a statement without a table has one row")
    live, listeners = found
    known = {at: principal_of(who) for at, who in live or ()}
    principals = [known.get(places[one.request.presented]) for one in asked]
    return principals, [Listener.of(row) for row in listeners or ()]


_CREATED = 201


@cache
def _look_statement() -> tuple[bytes, dict[str, Any]]:
    """Return the query for who is asking and who listens, and its parameters without two."""
    query, parameters = listening([NotificationKind.ORDEN_CREADA])
    live = "SELECT json_agg(json_build_array(place, who)) FROM live"
    return f"WITH {LIVE} SELECT ({live}), ({query})".encode(), parameters
