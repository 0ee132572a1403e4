"""Reads of orders: one of them, whoever asks, and many requests by one statement."""

from collections.abc import Sequence
from uuid import UUID

from pydantic_core import to_json

from axon_factory.api.answers import validates, version_etag
from axon_factory.api.authentication import holds
from axon_factory.api.hot.answer import Answer, Kept
from axon_factory.api.hot.plain import PlainRequest
from axon_factory.api.services import ApiServices
from axon_factory.db.batches import Batches
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.text import in_english
from axon_factory.orders.answers.order import detail
from axon_factory.orders.documents import Found, OrderParts, Wanted, read_documents

__all__ = ["OrderReads"]

_KEPT_BYTES = 48 * 1024 * 1024
_Key = tuple[object, UUID | str, bool]


class OrderReads:
    """Answers GET /api/orders/{id} without parameters."""

    def __init__(self, services: ApiServices) -> None:
        self._database = services.database
        self._own_orders = services.policy.approval.own_orders
        self._documents: Batches[Wanted, Found] = Batches(self._read)
        self._kept: Kept[_Key] = Kept(_KEPT_BYTES)

    async def one(
        self, request: PlainRequest, reference: UUID | str
    ) -> tuple[Principal, Answer] | None:
        """Return who asks and the answer; None leaves the request to the application."""
        if request.body_bytes:
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

    async def _read(self, wanted: Sequence[Wanted]) -> Sequence[Found | None]:
        async with self._database.raw() as connection:
            return await read_documents(connection, wanted)
