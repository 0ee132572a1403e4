"""The council's verdicts as changes of the order: accepted, sent back, or left to a person."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.progress import AFTER_REJECTION, DONE
from axon_factory.domain.states import Actor, OrderState
from axon_factory.orders.approval import APPROVER
from axon_factory.orders.events import append_event
from axon_factory.orders.outbox import post_message
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import transition, wake

__all__ = ["accept_product", "ask_person", "send_back"]

WAITS_FOR_PERSON = "persona"


async def accept_product(
    session: AsyncSession, order: Order, *, actor: Actor, now: datetime
) -> None:
    """Move the reviewed order to `listo` at 100 %.

    Raises:
        TransitionRefused: the order is not in qa, or the actor may not.
    """
    order.progreso = DONE
    order.asignado_a = "Ops Agent"
    await transition(
        session,
        order,
        OrderState.LISTO,
        actor=actor,
        now=now,
        event=NewEvent(
            kind=EventKind.ESTADO_CAMBIADO,
            agent=actor.name,
            message="✅ Producto aprobado por Review Council",
            level=LogLevel.SUCCESS,
            metadata=_states(OrderState.QA, OrderState.LISTO),
        ),
    )


async def send_back(
    session: AsyncSession, order: Order, *, actor: Actor, reasons: Sequence[str], now: datetime
) -> None:
    """Move the order back to `construccion` as a new attempt with the council's findings.

    Raises:
        TransitionRefused: the order is not in qa, or the actor may not.
    """
    order.intento += 1
    order.retrabajos += 1
    order.progreso = AFTER_REJECTION
    order.session_id = None
    order.asignado_a = "Builder Agent"
    await transition(
        session,
        order,
        OrderState.CONSTRUCCION,
        actor=actor,
        now=now,
        event=NewEvent(
            kind=EventKind.PRODUCTO_RECHAZADO,
            agent=actor.name,
            message=f"❌ Producto rechazado. Razón: {'; '.join(reasons) or 'sin detalle'}",
            level=LogLevel.ERROR,
            metadata={
                **_states(OrderState.QA, OrderState.CONSTRUCCION),
                "hallazgos": list(reasons),
                "intento": order.intento,
            },
        ),
    )


async def ask_person(
    session: AsyncSession,
    order: Order,
    *,
    actor: Actor,
    reasons: Sequence[str],
    policy: Policy,
    now: datetime,
) -> None:
    """Leave the order in `qa` for a person to decide, and tell the approver (ADR 15)."""
    order.espera = WAITS_FOR_PERSON
    order.asignado_a = APPROVER
    await append_event(
        session,
        order,
        NewEvent(
            kind=EventKind.DECISION_REQUERIDA,
            agent=actor.name,
            message=f"Rechazado tras {order.retrabajos} retrabajos; decide una persona",
            level=LogLevel.WARNING,
            visibility=Visibility.INTERNO,
            metadata={"hallazgos": list(reasons)},
        ),
        actor=actor,
        now=now,
    )
    await post_message(
        session,
        order,
        topic="decision_requerida",
        kind=NotificationKind.QA_DECISION_REQUERIDA,
        recipient=policy.approver_email,
        subject=f"{order.order_number}: la revisión pide una decisión",
        body=(
            f"La orden {order.order_number} ({order.nombre_producto}) fue rechazada por la "
            f"revisión después de {order.retrabajos} retrabajos.\n\nHallazgos:\n"
            + "\n".join(f"- {reason}" for reason in reasons)
            + "\n\nPuede volver a construcción, aceptarse, fallarse o cancelarse "
            f"(PATCH /api/orders/{order.order_number} o `axon orders cancel`).\n"
        ),
        now=now,
    )
    await wake(session, order, now)


def _states(before: OrderState, after: OrderState) -> dict[str, str]:
    return {"estado_anterior": before.value, "estado_nuevo": after.value}
