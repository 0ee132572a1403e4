"""Reads of orders: one of them, whoever asks, and many requests by one statement."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from pydantic_core import to_json

from axon_factory.api.answers import content_etag, validates, version_etag
from axon_factory.api.authentication import holds
from axon_factory.api.hot.answer import Answer, Fields, Kept
from axon_factory.api.hot.plain import PlainRequest
from axon_factory.api.services import ApiServices
from axon_factory.db.batches import Batches
from axon_factory.domain.permissions import Action, Principal, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import in_english
from axon_factory.orders.answers.events import events_page, log_entry
from axon_factory.orders.answers.order import detail
from axon_factory.orders.documents import Found, OrderParts, Wanted, read_documents
from axon_factory.orders.read import NEWEST_EVENTS
from axon_factory.orders.result import result_document
from axon_factory.orders.results_and_events import (
    FoundEvents,
    FoundResult,
    WantedEvents,
    WantedResult,
    read_events,
    read_results,
)

__all__ = ["OrderReads"]

_KEPT_BYTES = 48 * 1024 * 1024
_Key = tuple[object, UUID | str, bool]
_LAST_SEQUENCE = 2**31 - 1
_PAGE = re.compile(rb"(?:after=(?P<after>\d{1,10}))?(?:(?:^|&)limit=(?P<limit>\d{1,3}))?")
Reply = tuple[Principal, Answer]
"""Who is asking, and the answer."""


class OrderReads:
    """Answers GET of one order, its log, its events and its product."""

    def __init__(self, services: ApiServices) -> None:
        self._database = services.database
        self._own_orders = services.policy.approval.own_orders
        self._documents: Batches[Wanted, Found] = Batches(self._read)
        self._policy = services.policy
        self._events: Batches[WantedEvents, FoundEvents] = Batches(self._read_events)
        self._results: Batches[WantedResult, FoundResult] = Batches(self._read_results)
        self._kept: Kept[_Key] = Kept(_KEPT_BYTES)

    async def one(self, request: PlainRequest, reference: UUID | str) -> Reply | None:
        """Return who asks and the answer; None leaves the request to the application."""
        if request.body_bytes or request.query:
            return None
        key: _Key = request.presented, reference, request.english
        kept = self._kept.find(key)
        found = await self._documents.ask(
            Wanted(request.presented, reference, kept[0] if kept else None)
        )
        if found is None or not holds(found.principal, Action.READ_ORDER):
            return None
        if kept is not None and found.parts is None:
            answer = kept[1]
        elif found.parts is None or found.parts.order.queued_at is not None:
            # Its place in the queue depends on the other orders.
            return None
        else:
            answer = self._rendered(found, found.parts, english=request.english)
            self._kept.keep(key, found.validator, answer)
        known = request.field(b"if-none-match")
        if known is not None and validates(known, version_etag(found.version)):
            answer = Answer(304, b"", answer.fields)
        return found.principal, answer

    def _rendered(self, found: Found, parts: OrderParts, *, english: bool) -> Answer:
        document = detail(
            parts.order,
            parts.events,
            parts.receipts,
            found.principal,
            own_orders=self._own_orders,
        )
        body = to_json(in_english(document) if english else document)
        return Answer(200, body, [(b"etag", version_etag(found.version).encode())])

    async def log(self, request: PlainRequest, reference: UUID | str) -> Reply | None:
        """Answer GET /api/orders/{id}/logs."""
        asked = await self._asked_events(request, reference)
        if asked is None:
            return None
        found, wanted = asked
        events = found.events
        page = {
            "order_id": str(found.order_id),
            "count": len(events),
            "next_after": events[-1].seq if events else wanted.after,
            "logs": [log_entry(event, found.principal) for event in events],
        }
        return found.principal, _validated(request, page, [])

    async def events(self, request: PlainRequest, reference: UUID | str) -> Reply | None:
        """Answer GET /api/orders/{id}/events in JSON."""
        if "cloudevents" in (request.field(b"accept") or ""):
            return None
        asked = await self._asked_events(request, reference)
        if asked is None:
            return None
        found, wanted = asked
        page, headers = events_page(
            found.order_id,
            found.order_number,
            found.events,
            found.principal,
            after=wanted.after,
            limit=wanted.most,
        )
        fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        return found.principal, _validated(request, page, fields)

    async def result(self, request: PlainRequest, reference: UUID | str) -> Reply | None:
        """Answer GET /api/orders/{id}/result of an order that is ready."""
        if request.body_bytes or request.query:
            return None
        found = await self._results.ask(WantedResult(request.presented, reference))
        if found is None or not holds(found.principal, Action.READ_RESULT):
            return None
        if not serves_in(Action.READ_RESULT, OrderState(found.order.estado)):
            return None
        document = result_document(found.order, found.link, self._policy, datetime.now(UTC))
        return found.principal, _validated(request, document, [])

    async def _asked_events(
        self, request: PlainRequest, reference: UUID | str
    ) -> tuple[FoundEvents, WantedEvents] | None:
        asked = _PAGE.fullmatch(request.query)
        if request.body_bytes or asked is None:
            return None
        after, limit = int(asked["after"] or 0), int(asked["limit"] or NEWEST_EVENTS)
        if after > _LAST_SEQUENCE or not 1 <= limit <= NEWEST_EVENTS:
            return None
        wanted = WantedEvents(request.presented, reference, after, limit)
        found = await self._events.ask(wanted)
        if found is None or not holds(found.principal, Action.READ_ORDER):
            return None
        return found, wanted

    async def _read_events(self, wanted: Sequence[WantedEvents]) -> Sequence[FoundEvents | None]:
        async with self._database.raw() as connection:
            return await read_events(connection, wanted)

    async def _read_results(self, wanted: Sequence[WantedResult]) -> Sequence[FoundResult | None]:
        async with self._database.raw() as connection:
            return await read_results(connection, wanted)

    async def _read(self, wanted: Sequence[Wanted]) -> Sequence[Found | None]:
        async with self._database.raw() as connection:
            return await read_documents(connection, wanted)


def _validated(request: PlainRequest, document: object, fields: Fields) -> Answer:
    """Return the answer with a validator of its content; 304 if the caller has it."""
    body = to_json(document)
    etag = content_etag(body)
    fields = [*fields, (b"etag", etag.encode())]
    known = request.field(b"if-none-match")
    if known is not None and validates(known, etag):
        return Answer(304, b"", fields)
    return Answer(200, body, fields)
