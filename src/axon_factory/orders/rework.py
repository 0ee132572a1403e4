"""Verdicts on a product as changes of the order: accepted, sent back, or left to a person.

The council's acceptance rests on receipts (`orders.evidence`). A person may accept without them:
that is an act of its own, with a reason and sentences of its own.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.progress import AFTER_REJECTION, DONE
from axon_factory.domain.states import Actor, Claim, OrderState, WaitsFor
from axon_factory.orders.approval import APPROVER
from axon_factory.orders.events import append_event
from axon_factory.orders.evidence import read_evidence, refuse_own_judge
from axon_factory.orders.outbox import post_message
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import transition, wake

__all__ = ["accept_for_person", "accept_product", "ask_person", "send_back"]


async def accept_product(
    session: AsyncSession, order: Order, *, actor: Actor, now: datetime
) -> None:
    """Move the reviewed order to `listo` at 100 %.

    Raises:
        Forbidden: the actor has built this attempt.
        TransitionRefused: the order is not in qa, the actor may not, or a receipt is missing.
    """
    await refuse_own_judge(session, order, actor)
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


async def accept_for_person(
    session: AsyncSession, order: Order, *, actor: Actor, reason: str, now: datetime
) -> None:
    """Move the order in `qa` to `listo` on a person's word; what was not proven goes on record.

    Nothing of it says that the council has approved the product.

    Raises:
        TransitionRefused: the order is not in qa, or the actor may not.
    """
    evidence = await read_evidence(session, order)
    order.progreso = DONE
    order.asignado_a = "Ops Agent"
    await transition(
        session,
        order,
        OrderState.LISTO,
        actor=actor,
        now=now,
        overridden=True,
        event=NewEvent(
            kind=EventKind.ESTADO_CAMBIADO,
            agent=actor.name,
            message="Nuestro equipo aceptó el producto; sigue su puesta en marcha",
            metadata=_states(OrderState.QA, OrderState.LISTO),
        ),
    )
    await append_event(
        session,
        order,
        NewEvent(
            kind=EventKind.PRODUCTO_ACEPTADO,
            agent=actor.name,
            message=f"Una persona aceptó el producto en lugar de la revisión. Motivo: {reason}",
            level=LogLevel.WARNING,
            visibility=Visibility.INTERNO,
            metadata={"motivo": reason, **evidence.missing(Claim.REVIEWED)},
        ),
        actor=actor,
        now=now,
    )


async def send_back(
    session: AsyncSession, order: Order, *, actor: Actor, reasons: Sequence[str], now: datetime
) -> None:
    """Move the order back to `construccion` as a new attempt with the council's findings.

    Raises:
        Forbidden: the actor has built this attempt.
        TransitionRefused: the order is not in qa, or the actor may not.
    """
    await refuse_own_judge(session, order, actor)
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
    order.espera, order.espera_causa = WaitsFor.PERSONA, None
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
            + "\n\nPuedes aceptarla con un motivo (axon orders accept "
            f"{order.order_number}), devolverla a construcción o darla por fallida "
            f"(PATCH /api/orders/{order.order_number}), o cancelarla (axon orders cancel "
            f"{order.order_number}).\n"
        ),
        now=now,
    )
    await wake(session, order, now)


def _states(before: OrderState, after: OrderState) -> dict[str, str]:
    return {"estado_anterior": before.value, "estado_nuevo": after.value}
