"""What a client says after all: a problem that they report, and how satisfied they are."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderProblem, OrderRating
from axon_factory.domain.errors import AxonError, Conflict, NotFound
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.outbox import post_message

__all__ = [
    "TooManyReports",
    "close_problem",
    "problems_of",
    "rate_order",
    "rating_of",
    "report_problem",
]

_SPAN, _MOST = timedelta(hours=1), 5


class TooManyReports(AxonError):
    """Several problems of the order were reported a short time ago; each one sends mails."""

    codigo = "demasiados_reportes"
    status = 429
    title = "Demasiados reportes"
    title_en = "Too many reports"

    def __init__(self, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        minutes = max(1, -(-retry_after // 60))
        super().__init__(
            f"Ya recibimos varios reportes y los estamos viendo; manda otro en {minutes} min",
            message_en=f"We have several reports and look into them; send another in {minutes} min",
        )
        self.retry_after = retry_after


async def report_problem(change: Change, description: str) -> OrderProblem:
    """Keep a problem of the locked order, and mail support and the approver.

    The same words while the first report is open are the same report.

    Raises:
        TooManyReports: five were reported within the last hour.
    """
    order, now = change.order, change.now
    known = await problems_of(change.tx, order)
    for one in known:
        if one.closed_at is None and one.description == description:
            return one
    recent = [one.reported_at for one in known if one.reported_at > now - _SPAN]
    if len(recent) >= _MOST:
        raise TooManyReports(int((recent[-_MOST] + _SPAN - now).total_seconds()) + 1)
    problem = OrderProblem(
        order_id=order.id,
        number=len(known) + 1,
        description=description,
        reported_by=change.actor.id,
        reported_by_name=change.actor.name,
        reported_at=now,
    )
    change.tx.add(problem)
    await change.tx.flush()
    await change.tell_staff(
        EventKind.PROBLEMA_REPORTADO, description, level=LogLevel.WARNING, numero=problem.number
    )
    await change.touch()
    await _mail_staff(change, problem)
    return problem


async def close_problem(change: Change, number: int) -> OrderProblem:
    """Close a problem of the locked order; a second time changes nothing.

    Raises:
        NotFound: the order has no problem of this number.
    """
    order = change.order
    problem = await change.tx.get(OrderProblem, (order.id, number))
    if problem is None:
        raise NotFound(
            f"La orden {order.order_number} no tiene el problema {number}",
            message_en=f"Order {order.order_number} has no problem {number}",
        )
    if problem.closed_at is None:
        problem.closed_at = change.now
        problem.closed_by, problem.closed_by_name = change.actor.id, change.actor.name
        await change.tx.flush()
        message = f"Problema {number} cerrado"
        await change.tell_staff(EventKind.PROBLEMA_CERRADO, message, numero=number)
        await change.touch()
    return problem


async def problems_of(session: AsyncSession, order: Order) -> Sequence[OrderProblem]:
    """Return the problems that were reported of the order, the first one first."""
    query = select(OrderProblem).where(col(OrderProblem.order_id) == order.id)
    return list(await session.scalars(query.order_by(col(OrderProblem.number))))


async def rate_order(change: Change, score: int, comment: str) -> OrderRating:
    """Keep how satisfied the client of the locked order is; what they said before is replaced.

    Raises:
        Conflict: the order has not been delivered.
    """
    order = change.order
    if not serves_in(Action.RATE_ORDER, OrderState(order.estado)):
        raise Conflict(
            f"La orden {order.order_number} se califica cuando está entregada",
            message_en=f"Order {order.order_number} is rated once it has been delivered",
        )
    rating = await rating_of(change.tx, order)
    if rating is not None and (rating.score, rating.comment) == (score, comment):
        return rating
    if rating is None:
        rating = OrderRating(
            order_id=order.id,
            score=score,
            comment=comment,
            rated_by=change.actor.id,
            rated_at=change.now,
        )
        change.tx.add(rating)
    rating.score, rating.comment = score, comment
    rating.rated_by, rating.rated_at = change.actor.id, change.now
    await change.tx.flush()
    message = f"El cliente califica con {score} de 5" + (f": {comment}" if comment else "")
    await change.tell_staff(EventKind.CALIFICADA, message, calificacion=score)
    await change.touch()
    return rating


async def rating_of(session: AsyncSession, order: Order) -> OrderRating | None:
    """Return how satisfied the order's client is, None while they have not said."""
    return await session.get(OrderRating, order.id)


async def _mail_staff(change: Change, problem: OrderProblem) -> None:
    order, policy = change.order, change.policy
    quoted = "\n".join(f"> {line}" for line in problem.description.splitlines())
    body = (
        f"{problem.reported_by_name} reporta un problema con {order.nombre_producto} "
        f"(orden {order.order_number}):\n\n{quoted}\n\n"
        f"Para verlo y cerrarlo: {policy.public_url}/app/ordenes/{order.order_number}\n"
    )
    for place, recipient in enumerate(dict.fromkeys((policy.support_email, policy.approver_email))):
        await post_message(
            change.tx,
            order,
            topic=f"problema:{problem.number}:{place}",
            recipient=recipient,
            subject=f"{order.order_number}: el cliente reporta un problema",
            body=body,
            now=change.now,
        )
