"""Lists of orders: equal lists that are asked for together are read and written once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from pydantic import ValidationError

from axon_factory.api.answers import content_etag, prefers, rendered, validates
from axon_factory.api.authentication import holds
from axon_factory.api.hot.answer import Answer
from axon_factory.api.hot.plain import PlainRequest
from axon_factory.api.list_parameters import CSV, ListParameters, list_query
from axon_factory.api.services import ApiServices
from axon_factory.db.batches import Batches
from axon_factory.db.principals import Presented, principal_of
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.permissions import Action, Grant, Principal
from axon_factory.orders.lists.asking import AskedList, read_lists, who_asks
from axon_factory.orders.lists.page import Page
from axon_factory.orders.lists.query import ListQuery

__all__ = ["OrderLists"]

_JSON = "application/json"
_MOST_REMEMBERED = 1024
_SEVERAL = frozenset(
    name for name, field in ListParameters.model_fields.items() if field.default_factory is not None
)
"""Parameters that may come repeatedly."""


class _Asked(NamedTuple):
    presented: Presented
    query: bytes


_Reply = tuple[Principal, Answer]


class OrderLists:
    """Answers GET /api/orders in JSON, but for `q`, whose words the database has to cut first."""

    def __init__(self, services: ApiServices, links: Callable[[str, str, Page], str]) -> None:
        """`links` writes the field `Link` for a path, a query string and its page."""
        self._database = services.database
        self._zone = services.policy.zone
        self._links = links
        self._batches: Batches[_Asked, _Reply] = Batches(self._read)
        self._known: dict[Presented, str] = {}
        """Who a credential was found to be; each statement checks it anew."""
        self._queries: dict[tuple[bytes, Grant], ListQuery | None] = {}

    async def page(self, request: PlainRequest) -> _Reply | None:
        """Return who asks and the answer; None leaves the request to the application."""
        accept = request.field(b"accept") or ""
        if request.body_bytes or (accept and prefers(accept, CSV, over=_JSON)):
            return None
        reply = await self._batches.ask(_Asked(request.presented, request.query))
        known = request.field(b"if-none-match")
        if reply is None or known is None:
            return reply
        principal, answer = reply
        etag = dict(answer.fields)[b"etag"].decode()
        return principal, Answer(304, b"", answer.fields) if validates(known, etag) else answer

    async def _read(self, asked: Sequence[_Asked]) -> Sequence[_Reply | None]:
        distinct = list(dict.fromkeys(asked))
        credentials = list(dict.fromkeys(one.presented for one in distinct))
        async with self._database.raw() as connection:
            if any(one not in self._known for one in credentials):
                self._learn(credentials, await who_asks(connection, credentials))
            lists = {one: found for one in distinct if (found := self._list(one)) is not None}
            before = {one: self._known.get(one) for one in credentials}
            who, pages = await read_lists(connection, credentials, list(lists.values()))
        self._learn(credentials, who)
        replies = {
            one: (lists[one].principal, self._answer(one, lists[one], page))
            for one, page in zip(lists, pages, strict=True)
            if who.get(one.presented) == before[one.presented]
        }
        return [replies.get(one) for one in asked]

    def _learn(self, credentials: Sequence[Presented], who: dict[Presented, str]) -> None:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        for one in credentials:
            self._known.pop(one, None)
        self._known.update(who)

    def _list(self, one: _Asked) -> AskedList | None:
        who = self._known.get(one.presented)
        principal = None if who is None else principal_of(who)
        if principal is None or not holds(principal, Action.LIST_ORDERS):
            return None
        key = one.query, principal.grant
        if key not in self._queries:
            if len(self._queries) >= _MOST_REMEMBERED:
                self._queries.clear()
            self._queries[key] = self._understood(*key)
        query = self._queries[key]
        if query is None or query.text is not None:
            return None
        if query.cursor is not None:
            try:
                query.cursor.check(query.identity(principal))
            except ValidationFailed:
                return None
        return AskedList(query, principal)

    def _understood(self, text: bytes, grant: Grant) -> ListQuery | None:
        """Return what a query string asks for; None where the application has to say."""
        try:
            pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict")
        except ValueError:
            return None
        given: dict[str, str | list[str]] = {}
        for name, value in pairs:
            if name not in ListParameters.model_fields or "\x00" in value:
                return None
            if name in _SEVERAL:
                values = given.setdefault(name, [])
                if isinstance(values, list):
                    values.append(value)
            elif name in given:
                return None
            else:
                given[name] = value
        try:
            return list_query(ListParameters.model_validate(given), self._zone, grant)
        except (ValidationError, ValidationFailed):
            return None

    def _answer(self, one: _Asked, asked: AskedList, page: Page) -> Answer:
        query = asked.query
        document = {
            "total": page.total,
            "limit": query.limit,
            "offset": query.offset,
            "count": len(page.orders),
            "orders": page.orders,
            "next": page.next,
            "prev": page.prev,
        }
        body = rendered(document)
        link = self._links("/api/orders", one.query.decode("ascii"), page)
        fields = [
            (b"link", link.encode("latin-1")),
            (b"vary", b"Accept"),
            (b"etag", content_etag(body).encode()),
        ]
        return Answer(200, body, fields)
