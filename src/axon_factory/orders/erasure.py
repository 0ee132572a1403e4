"""Erase the personal data of an order that has ended; its number, price and times stay.

The database forgets in the transaction of the request. The line then removes what lies outside it
(`borrar`): mails, workspaces of agents and, where asked, the product with its data and repository.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OutboxMessage
from axon_factory.domain.audit import Fact
from axon_factory.domain.errors import Conflict, ValidationFailed
from axon_factory.domain.events import ERASED, EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.messages import Channel
from axon_factory.domain.permissions import Action, Principal, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.credentials import RotationInProgress, pending_version
from axon_factory.orders.events import append_event
from axon_factory.orders.personal_data import PLACES
from axon_factory.orders.transitions import wake

__all__ = ["Erasure", "erase_order", "mail_keys", "note_erased", "require_number"]

_EVENTS = "order_events"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a request erased: how many events lost their text, and the digest of what they said."""

    events: int
    digest: str

    @property
    def facts(self) -> Mapping[str, Fact]:
        """What the audit trail says of it."""
        return {"cuantas": self.events, "eventos_sha256": self.digest}


async def erase_order(
    session: AsyncSession,
    order: Order,
    principal: Principal,
    *,
    reason: str,
    product: bool,
    now: datetime,
) -> Erasure | None:
    """Erase the personal data of the locked order and enqueue the rest.

    `product`: also what runs of it, its data and its repository. None if nothing was left to
    erase; the product may still be asked for later.

    Raises:
        Conflict: the order has not ended.
        RotationInProgress: the product stays and is being given new credentials.
    """
    if not serves_in(Action.ERASE_ORDER, OrderState(order.estado)):
        raise Conflict(
            f"La orden {order.order_number} está en '{order.estado}': cancélala antes de borrarla",
            message_en=f"Order {order.order_number} is in '{order.estado}': cancel it before "
            "erasing it",
        )
    if order.borrado_at is not None and (order.product_erased or not product):
        return None
    in_service = order.estado == OrderState.ENTREGADO and not product
    if in_service and await pending_version(session, order.id) is not None:
        # Its restart would be given up half way, and the product stays.
        raise RotationInProgress
    erasure = Erasure(0, "")
    if order.borrado_at is None:
        erasure = await _erase_rows(session, order, product=product, now=now)
        await session.refresh(order)
    else:
        order.repo_url = order.deploy_url = None
    order.erasure_pending = True
    order.product_erased = product
    order.fence += 1  # a removal that runs knows of less than is asked now
    event = NewEvent(
        kind=EventKind.ORDEN_BORRADA,
        agent=principal.name,
        message=f"Datos personales borrados: {reason}",
        level=LogLevel.WARNING,
        metadata={"producto": product, "eventos": erasure.events, "sha256": erasure.digest},
        visibility=Visibility.INTERNO,
    )
    await append_event(session, order, event, actor=principal.actor, now=now)
    await wake(session, order, now)
    return erasure


def require_number(order: Order, number: str, name: str) -> None:
    """Refuse a request whose confirmation is not the order's number.

    Raises:
        ValidationFailed: it is another; `name` is the field's.
    """
    if number != order.order_number:
        raise ValidationFailed(
            {
                name: Sentence(
                    f"Escribe el número de la orden que se borra: {order.order_number}",
                    f"Write the number of the order that is erased: {order.order_number}",
                )
            }
        )


async def mail_keys(session: AsyncSession, order: Order) -> list[str]:
    """Return the keys under which the order's mails were handed to the mailer."""
    found = await session.scalars(
        select(col(OutboxMessage.dedupe_key)).where(
            col(OutboxMessage.order_id) == order.id, col(OutboxMessage.channel) == Channel.MAIL
        )
    )
    return list(found)


async def note_erased(session: AsyncSession, order: Order, now: datetime, *, product: bool) -> None:
    """Record that nothing of the locked order is left outside the database."""
    order.erasure_pending = False
    if product:
        order.deployment_open = False
        # The name came from the client's.
        order.slug = f"borrada-{order.id}"
    await wake(session, order, now)


async def _erase_rows(
    session: AsyncSession, order: Order, *, product: bool, now: datetime
) -> Erasure:
    await session.flush()
    parameters = {"order_id": order.id, "product": product, "now": now, "erased": ERASED}
    erasure = Erasure(0, "")
    for place in PLACES:
        if place.statement is None:
            continue
        result = await session.execute(text(place.statement), parameters)
        if place.table == _EVENTS:
            row = result.one()
            erasure = Erasure(row.erased, bytes(row.digest).hex())
    return erasure
