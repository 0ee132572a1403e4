"""What many changes of orders write beside the orders themselves, by one statement.

The single counterparts are `events.append_event`, `notifications.outbox` and `jobs.queue`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlmodel import col

from axon_factory.db.audit import AUDIT
from axon_factory.db.row_batches import Insert, RowBatch, insert_of, write_statement
from axon_factory.db.tables import NotificationDestination, OrderEvent, OutboxMessage
from axon_factory.db.tables.base import TIME
from axon_factory.domain.audit import AuditRecord
from axon_factory.domain.events import AboutOrder, NewEvent
from axon_factory.domain.notifications import NotificationKind, kinds_of
from axon_factory.domain.states import Actor, OrderState
from axon_factory.jobs.queue import ANNOUNCE, ENQUEUE, PULLED, advance_job, message_job
from axon_factory.orders.events import CHANNEL, as_kept, event_row
from axon_factory.orders.notifications.outbox import (
    Letter,
    event_messages,
    letter_row,
    owner_serves,
)

__all__ = ["Listener", "OrderWrites", "listening", "orders_statement"]

_EVENTS = insert_of(
    OrderEvent,
    "order_id",
    "seq",
    "kind",
    "tipo",
    "agente",
    "mensaje",
    "details",
    "visibilidad",
    "intento",
    "actor",
    "occurred_at",
    "received_at",
    "dedupe_key",
)
_MESSAGES = insert_of(
    OutboxMessage,
    "id",
    "dedupe_key",
    "order_id",
    "channel",
    "destination_id",
    "event",
    "payload",
    "recipient",
    "subject",
    "body",
    "html",
    "created_at",
)
_NOTIFY = f"""
    SELECT count(pg_notify('{CHANNEL}', order_id)) FROM (
        SELECT DISTINCT event.order_id FROM given,
            jsonb_to_recordset(given.rows -> '{_EVENTS.name}') AS event(order_id text)
    ) AS written
"""  # noqa: S608 — constants


def orders_statement(
    first: Sequence[Insert] = (),
    last: Sequence[Insert] = (),
    parts: Mapping[str, str] | None = None,
    results: Sequence[str] = (),
) -> bytes:
    """Return the one statement that writes an `OrderWrites`, with the parameter `rows`.

    Args:
        first: further tables that get rows.
        last: the same; they come behind the others.
        parts: further common table expressions by name.
        results: what is selected beside.
    """
    return write_statement(
        [*first, _EVENTS, _MESSAGES, AUDIT, *last],
        {"pulled": PULLED, **(parts or {})},
        [*results, *(f"({query})" for query in (_NOTIFY, ENQUEUE, ANNOUNCE))],
    )


@dataclass(slots=True)
class Listener:
    """A destination that may be told of events, as `listening` reads it."""

    id: UUID
    kind: str
    host: str
    events: list[str]
    client_ids: list[str]
    tags: list[str]

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Listener":
        """Return the listener of an element of the result of `listening`."""
        return cls(UUID(row[0]), *row[1:])

    def hears_of(self, order: AboutOrder) -> bool:
        """Return whether its filters let it be told of this order (`outbox.tell_event`)."""
        return (not self.client_ids or order.cliente_id in self.client_ids) and (
            not self.tags or set(self.tags) <= set(order.tags)
        )


def listening(kinds: Iterable[NotificationKind]) -> tuple[str, dict[str, Any]]:
    """Return the query for all that listen to any of `kinds`, and its parameters without `now`.

    Its one value is a list for `Listener.of`; whose filters fit an order is not asked yet.
    """
    query, parameters = _compiled_listening()
    return query, {**parameters, "kinds": [kind.value for kind in kinds]}


@dataclass(slots=True)
class OrderWrites:
    """Collects what changes of orders write. `rows` takes rows of further tables, too.

    Each order's row is locked, or new, and `event_seq` of its object counts on.
    """

    now: datetime
    listeners: Sequence[Listener] = ()
    rows: RowBatch = field(default_factory=RowBatch)

    def append(
        self,
        order: AboutOrder,
        event: NewEvent,
        *,
        actor: Actor,
        left: OrderState | None = None,
    ) -> None:
        """Append `event` with the order's next sequence, and tell the listeners of it.

        The caller has made sure that the order has no event of the same `dedupe_key`.
        """
        event = as_kept(order, event, actor)
        order.event_seq += 1
        self.rows.add(_EVENTS.name, event_row(order, event, actor, self.now))
        if not self.listeners:
            return
        kinds = kinds_of(event, left, OrderState(order.estado))
        hearing = (one for one in self.listeners if one.hears_of(order))
        for message in event_messages(hearing, order, kinds, left=left, now=self.now):
            self._put(message)

    def mail(
        self, order: AboutOrder, letter: Letter, *, topic: str, event: str, recipient: str
    ) -> None:
        """Put a mail into the outbox; the order has none of this `topic` and attempt yet."""
        row = letter_row(order, letter, topic=topic, event=event, recipient=recipient, now=self.now)
        self._put(row)

    def start(self, order_id: UUID, *, rank: int) -> None:
        """Enqueue the first advance of a new order."""
        self.rows.add("jobs", advance_job(order_id, rank=rank))

    def wake(self, order_id: UUID, *, rank: int) -> None:
        """Enqueue the next advance of an order; one that waits already is made due."""
        self.rows.add("wakes", advance_job(order_id, rank=rank))

    def audit(self, records: Iterable[AuditRecord]) -> None:
        """Add entries of the audit trail, as `db.audit.following` returns them."""
        for record in records:
            self.rows.add(AUDIT.name, record.row())

    def _put(self, message: dict[str, Any]) -> None:
        self.rows.add(_MESSAGES.name, message)
        self.rows.add("jobs", message_job(message["id"]))


@cache
def _compiled_listening() -> tuple[str, dict[str, Any]]:
    """Compile the condition of `outbox.tell_event` once, without the order's part of it."""
    kept = NotificationDestination
    events, owner = col(kept.events), col(kept.owner)
    kinds, now = bindparam("kinds", [], type_=ARRAY(Text)), bindparam("now", None, type_=TIME)
    element = func.json_build_array(
        col(kept.id), col(kept.kind), col(kept.host), events, col(kept.client_ids), col(kept.tags)
    )
    statement = (
        select(element.label("element"))
        .where(
            col(kept.active),
            or_(func.cardinality(events) == 0, events.bool_op("&&")(kinds)),
            or_(owner.is_(None), owner_serves(now)),
        )
        .order_by(col(kept.created_at), col(kept.id))
    )
    compiled = statement.compile(
        dialect=psycopg_dialect(), compile_kwargs={"render_postcompile": True}
    )
    query = f"SELECT json_agg(element) FROM ({compiled}) AS listening"  # noqa: S608 — compiled
    return query, dict(compiled.params)
