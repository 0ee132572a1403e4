"""Create many orders in one transaction, in the version that `create_order` leaves them in.

The counter of numbers is locked by the last statement but one. Until then a member may be left
out, so that the numbers have no gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg

from axon_factory.db.audit import HEADS, chains_of
from axon_factory.db.order_numbers import NEXT_MANY, business_year, format_order_number
from axon_factory.db.row_batches import insert_of
from axon_factory.db.tables import Order, OrderStage, PortalLink
from axon_factory.domain.audit import AuditEntry
from axon_factory.domain.building import BuilderName, Priority
from axon_factory.domain.messages import ClientMail, language_of
from axon_factory.domain.permissions import Principal
from axon_factory.orders.create import order_row, placed_event
from axon_factory.orders.notifications.client_mails import mail_facts
from axon_factory.orders.policy import Policy
from axon_factory.orders.portal_links import FIRST, LinkReason, link_row
from axon_factory.orders.requests import NewOrder
from axon_factory.orders.transitions import first_stage_row
from axon_factory.orders.writes import OrderWrites

__all__ = ["NEW_ORDERS", "PlacedOrder", "Placement", "place", "take_numbers"]

_VERSION = 2
"""One for the row, one for the first advance that was enqueued."""

_ORDERS = insert_of(
    Order,
    "id",
    "order_number",
    "slug",
    "tipo_producto",
    "nombre_producto",
    "cliente_id",
    "datos_cliente",
    "estado",
    "prioridad",
    "tags",
    "notas_internas",
    "created_at",
    "updated_at",
    "precio",
    "moneda",
    "catalogo",
    "tenant",
    "created_by",
    "builder",
    "version",
    "event_seq",
)
_STAGES = insert_of(OrderStage, "order_id", "ordinal", "intento", "estado", "actor", "entered_at")
_LINKS = insert_of(
    PortalLink, "order_id", "number", "reason", "issued_at", "issued_by", "expires_at"
)
NEW_ORDERS = (_ORDERS, _STAGES, _LINKS)
"""The tables that get rows of `place` beside those of `OrderWrites`."""

# The heads come first: what they take must not be taken under the counter's lock.
_TAKE = f"WITH counted AS ({NEXT_MANY}) SELECT ({HEADS}), (SELECT last FROM counted)".encode()  # noqa: S608 — constants


@dataclass(frozen=True, slots=True)
class Placement:
    """One order that is to be placed: `id` is the order's."""

    request: NewOrder
    builder: BuilderName | None
    principal: Principal
    id: UUID = field(default_factory=uuid4)


@dataclass(slots=True)
class PlacedOrder:
    """A new order: what events, mails and answers say of it, named as in `tables.Order`."""

    id: UUID
    order_number: str
    tipo_producto: str
    nombre_producto: str
    cliente_id: str | None
    datos_cliente: dict[str, Any]
    tags: list[str]
    estado: str
    prioridad: str
    created_at: datetime
    version: int = _VERSION
    progreso: int = 0
    plan_version: int = 0
    plan_hash: str | None = None
    fallo: dict[str, Any] | None = None
    intento: int = 1
    retrabajos: int = 0
    event_seq: int = 0
    borrado_at: datetime | None = None


async def take_numbers(
    connection: psycopg.AsyncConnection[tuple[Any, ...]],
    entries: Sequence[AuditEntry],
    now: datetime,
    policy: Policy,
) -> tuple[list[str], list[Sequence[Any]]]:
    """Return a number for each entry of the audit trail, and the heads of their chains.

    The counter and the chains stay locked until the transaction ends.
    """
    count, year = len(entries), business_year(now, policy.zone)
    parameters = {"chains": chains_of(entries), "year": year, "count": count}
    taken = await (await connection.execute(_TAKE, parameters)).fetchone()
    if taken is None:
        raise TypeError("a statement without a table has one row")
    heads, last = taken
    return [format_order_number(year, last - count + 1 + place) for place in range(count)], heads


def place(writes: OrderWrites, placement: Placement, number: str, policy: Policy) -> PlacedOrder:
    """Add to `writes` what `create_order` writes; return the order."""
    principal, now = placement.principal, writes.now
    actor = principal.actor
    row = order_row(placement.request, number, placement.builder, principal, policy, now)
    row["id"] = placement.id
    order = PlacedOrder(**{name: row[name] for name in _GIVEN})
    writes.append(order, placed_event(number, principal), actor=actor)
    writes.rows.add(_ORDERS.name, {**row, "version": order.version, "event_seq": order.event_seq})
    writes.rows.add(_STAGES.name, first_stage_row(order.id, actor, now))
    link = link_row(order.id, FIRST, LinkReason.ALTA, actor, policy, now)
    writes.rows.add(_LINKS.name, link)
    if ClientMail.RECIBIDA in policy.client_mails:
        # Imported here: templates and calendars, which most commands do not need.
        from axon_factory.orders.notifications.mail_forms import fill_mail  # noqa: PLC0415 — see above

        facts = mail_facts(order, policy, policy.portal_url(order.id, FIRST))
        writes.mail(
            order,
            fill_mail(ClientMail.RECIBIDA, language_of(order.datos_cliente), facts),
            topic=ClientMail.RECIBIDA.event,
            event=ClientMail.RECIBIDA.event,
            recipient=order.datos_cliente["email"],
        )
    writes.start(order.id, rank=Priority(order.prioridad).rank)
    return order


_GIVEN = (
    "id",
    "order_number",
    "tipo_producto",
    "nombre_producto",
    "cliente_id",
    "datos_cliente",
    "tags",
    "estado",
    "prioridad",
    "created_at",
)
