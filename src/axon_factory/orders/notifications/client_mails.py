"""Tell the client: one mail for each thing that happens to their order, through the outbox.

Every mail is written in the transaction of what it tells of. A mail holds a link, never a secret;
the code of `codigo` shows nothing without the link, and only for minutes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderQuestion, OutboxMessage, PortalLink, User
from axon_factory.domain.messages import ClientMail, language_of
from axon_factory.domain.names import FACTORY_NAME
from axon_factory.domain.permissions import Role
from axon_factory.domain.states import ACTIVE_STATES, Actor, ActorKind, OrderState
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.outbox import post_letter
from axon_factory.orders.policy import Policy
from axon_factory.orders.portal_links import portal_url_to_send

__all__ = [
    "ask_client",
    "client_mails_of",
    "has_account",
    "mail_facts",
    "tell_approval",
    "tell_cancelled",
    "tell_code",
    "tell_delivered",
    "tell_failed",
    "tell_link",
    "tell_moved_promise",
    "tell_received",
    "withhold_mails",
]

_EVENTS = [kind.event for kind in ClientMail]
_SENDER = Actor(ActorKind.WORKER, "worker:correo", FACTORY_NAME)


async def tell_received(change: Change) -> None:
    """Tell the client that their order was placed, with the link to its page."""
    await _tell(change, ClientMail.RECIBIDA, {})


async def tell_approval(change: Change) -> None:
    """Tell the client of the approved, locked order what was promised."""
    order = change.order
    order.promise_told_until = order.promised_until
    facts = _promise(order, change.policy)
    topic = f"{ClientMail.APROBADA.event}:v{order.plan_version}"
    await _tell(change, ClientMail.APROBADA, facts, topic=topic)


async def tell_moved_promise(change: Change) -> None:
    """Tell the client of the locked order that the promise has moved since they were last told.

    Nothing is told while its clock stands still, and of less than `policy.promise_told_after`: what
    was not told counts the next time.
    """
    order = change.order
    before, until = order.promise_told_until, order.promised_until
    if before is None or until is None or order.paused_at is not None:
        # A promise that the client was never told is older than these mails.
        return
    if (
        OrderState(order.estado) not in ACTIVE_STATES
        or until - before < change.policy.promise_told_after
    ):
        return
    order.promise_told_until = until
    facts = _promise(order, change.policy, before=before)
    topic = f"{ClientMail.PLAZO.event}:{until.isoformat()}"
    await _tell(change, ClientMail.PLAZO, facts, topic=topic)


async def tell_delivered(change: Change) -> None:
    """Tell the client where their product is, and how they get the credentials."""
    facts = {"has_account": await has_account(change.tx, change.order)}
    await _tell(change, ClientMail.ENTREGADA, facts)


async def tell_failed(change: Change) -> None:
    """Tell the client that the work has stopped; the cause is for the staff."""
    await _tell(change, ClientMail.FALLIDA, {})


async def tell_cancelled(change: Change) -> None:
    """Tell the client that the order was cancelled; the reason is for the staff."""
    await _tell(change, ClientMail.CANCELADA, {})


async def tell_link(change: Change, link: PortalLink) -> None:
    """Send the client of the locked order the link that was just issued."""
    topic = f"{ClientMail.ENLACE.event}:{link.number}"
    await _tell(change, ClientMail.ENLACE, {}, topic=topic)


async def tell_code(change: Change, code: str, *, number: int, minutes: int) -> None:
    """Send the contact of the locked order the code with which the page shows credentials."""
    topic = f"{ClientMail.CODIGO.event}:{number}"
    facts = {"code": code, "minutes": minutes}
    await _tell(change, ClientMail.CODIGO, facts, topic=topic)


async def ask_client(change: Change, question: OrderQuestion, *, topic: str) -> None:
    """Send the client an open question: the first time, or the reminder that its row counts.

    `topic` is unique to this question and reminder.
    """
    facts = {
        "question": question.question,
        "options": question.options,
        "blocking": question.blocking,
        "reminder": question.reminders > 0,
    }
    await _tell(change, ClientMail.PREGUNTA, facts, topic=topic)


async def has_account(session: AsyncSession, order: Order) -> bool:
    """Return whether a person of the client may log in and see the order."""
    if order.cliente_id is None:
        return False
    query = select(col(User.id)).where(
        col(User.cliente_id) == order.cliente_id,
        col(User.role) == Role.CLIENT,
        col(User.active),
    )
    return await session.scalar(query.limit(1)) is not None


async def client_mails_of(session: AsyncSession, order: Order) -> Sequence[OutboxMessage]:
    """Return the mails that the order's client was sent, or is still to be sent, in order."""
    query = select(OutboxMessage).where(
        col(OutboxMessage.order_id) == order.id, col(OutboxMessage.event).in_(_EVENTS)
    )
    in_order = query.order_by(col(OutboxMessage.created_at), col(OutboxMessage.id))
    return list(await session.scalars(in_order))


async def withhold_mails(change: Change, recipient: str) -> None:
    """Give up the mails to the client that are still to be sent to an address that was wrong."""
    await change.tx.execute(
        update(OutboxMessage)
        .where(
            col(OutboxMessage.order_id) == change.order.id,
            col(OutboxMessage.recipient) == recipient,
            col(OutboxMessage.event).in_(_EVENTS),
            col(OutboxMessage.sent_at).is_(None),
            col(OutboxMessage.given_up_at).is_(None),
        )
        .values(given_up_at=change.now, last_error="La dirección del cliente se corrigió.")
    )


async def _tell(
    change: Change, kind: ClientMail, facts: Mapping[str, object], *, topic: str = ""
) -> None:
    """Post the mail, unless its kind is switched off."""
    order = change.order
    if kind not in change.policy.client_mails:
        return
    # Imported here: templates and calendars, which most commands do not need.
    from axon_factory.orders.notifications.rendering import render_mail  # noqa: PLC0415 — see above

    link = await portal_url_to_send(change.by(_SENDER))
    told = {**mail_facts(order, change.policy, link), **facts}
    letter = render_mail(kind, language_of(order.datos_cliente), told)
    await post_letter(
        change.tx,
        order,
        letter,
        topic=topic or kind.event,
        event=kind.event,
        recipient=order.datos_cliente["email"],
        now=change.now,
    )


class MailedOrder(Protocol):
    """What every mail says of its order, named as in `tables.Order`."""

    order_number: str
    nombre_producto: str
    datos_cliente: dict[str, Any]


def mail_facts(order: MailedOrder, policy: Policy, link: str | None) -> dict[str, object]:
    """Return what the templates of all mails may say. `link` is the order's portal link."""
    return {
        "client": order.datos_cliente["nombre"],
        "product": order.nombre_producto,
        "number": order.order_number,
        "support": policy.support_email,
        "link": link,
        "told": [told.value for told in policy.client_mails],
    }


def _promise(order: Order, policy: Policy, *, before: datetime | None = None) -> dict[str, object]:
    """Return the moments of the promise as the client reads them."""
    from axon_factory.orders.notifications.rendering import spoken_time  # noqa: PLC0415 — as in _tell

    language = language_of(order.datos_cliente)
    moments = {"since": order.promised_from, "until": order.promised_until, "before": before}
    return {
        name: spoken_time(moment, policy.zone, language)
        for name, moment in moments.items()
        if moment is not None
    }
