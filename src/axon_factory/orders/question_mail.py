"""Tell whoever has to answer a question that it waits, and remind them."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.states import WaitsFor
from axon_factory.orders.mails.client import ask_client
from axon_factory.orders.outbox import notify, post_message
from axon_factory.orders.policy import Policy

__all__ = ["tell_of_question"]


async def tell_of_question(
    session: AsyncSession, order: Order, question: OrderQuestion, *, policy: Policy, now: datetime
) -> None:
    """Post the mail about an open question: the first, or the reminder that its row counts.

    The client gets the link to their page, the approver the command; a planner reads no mail.
    """
    reminder = f":recordatorio:{question.reminders}" if question.reminders else ""
    topic = f"pregunta:{question.number}{reminder}"
    kind = (
        NotificationKind.ORDEN_PREGUNTA_RECORDATORIO
        if reminder
        else NotificationKind.ORDEN_PREGUNTA
    )
    match question.audience:
        case WaitsFor.CLIENTE:
            await ask_client(session, order, question, topic=topic, policy=policy, now=now)
            if reminder:  # of the question itself the event has told
                await notify(session, order, kind, topic=topic, now=now)
        case WaitsFor.OPERADOR:
            subject = f"{order.order_number}: pregunta {question.number} para el equipo"
            await post_message(
                session,
                order,
                topic=topic,
                kind=kind,
                recipient=policy.approver_email,
                subject=f"Recordatorio: {subject}" if reminder else subject,
                body=_to_operator(order, question),
                now=now,
            )
        case _:
            pass


def _to_operator(order: Order, question: OrderQuestion) -> str:
    return (
        f"{question.asked_by_name} pregunta por la orden {order.order_number} "
        f"({order.nombre_producto}):\n\n{_quoted(question)}\n\n"
        f'Para responder: axon orders answer {order.order_number} {question.number} "…"\n'
    )


def _quoted(question: OrderQuestion) -> str:
    """Return the question and its options, set apart from our own words."""
    lines = [f"> {line}" for line in question.question.splitlines()]
    return "\n".join([*lines, *(f"  - {option}" for option in question.options)])
