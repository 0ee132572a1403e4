"""What an approver is told about plans, by mail."""

from collections.abc import Iterable

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import PlanFlag
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.desk import (
    audience_name,
    how_to_act,
    plan_page,
    type_name,
)
from axon_factory.orders.notifications.outbox import post_message
from axon_factory.orders.policy import Policy

__all__ = ["remind_approver", "tell_answer", "tell_escalation", "tell_waiting_plan"]


async def tell_waiting_plan(change: Change, plan: Plan, flags: Iterable[PlanFlag]) -> None:
    """Tell the approver that the order's newest plan waits, and what to look at in it."""
    order = change.order
    milestones = "\n".join(
        f"- {item.nombre}: {item.estimacion_horas:g} h ({item.agente})" for item in plan.milestones
    )
    notes = "".join(f"\nAtención: {flag.message}" for flag in flags)
    await change.mail_approver(
        kind=NotificationKind.PLAN_PENDIENTE,
        topic=f"plan_v{order.plan_version}",
        subject=f"{order.order_number}: el plan v{order.plan_version} espera tu aprobación",
        body=(
            f"{order.nombre_producto} ({type_name(order)})\n\n"
            f"Tecnologías: {', '.join(plan.stack_tecnologico)}\n"
            f"Integraciones: {', '.join(plan.integraciones) or 'ninguna'}\n"
            f"Precio: {order.precio} {order.moneda}\n"
            f"Horas estimadas: {plan.estimacion_horas:g}\n{milestones}\n{notes}\n"
            + ("\n" if notes else "")
            + _how_to_decide(order, change.policy)
        ),
    )


async def remind_approver(change: Change, *, number: int, hours: int) -> None:
    """Remind the approver for the `number`-th time of a plan that has waited for `hours`."""
    order = change.order
    await change.mail_approver(
        kind=NotificationKind.PLAN_RECORDATORIO,
        topic=f"recordatorio_plan_v{order.plan_version}_{number}",
        subject=f"{order.order_number}: el plan v{order.plan_version} sigue esperando",
        body=_waiting(order, hours) + _how_to_decide(order, change.policy),
    )


async def tell_escalation(change: Change, *, hours: int) -> None:
    """Tell the person that plans are escalated to that the plan has waited for `hours`."""
    order = change.order
    await post_message(
        change.tx,
        order,
        kind=NotificationKind.PLAN_ESCALADO,
        topic=f"escalado_plan_v{order.plan_version}",
        recipient=change.policy.approval.escalation_email or change.policy.approver_email,
        subject=f"{order.order_number}: nadie ha decidido el plan v{order.plan_version}",
        body=_waiting(order, hours) + _how_to_decide(order, change.policy),
        now=change.now,
    )


async def tell_answer(change: Change, question: OrderQuestion, answer: str) -> None:
    """Tell the approver what was answered to their question."""
    order = change.order
    await change.mail_approver(
        kind=NotificationKind.ORDEN_RESPUESTA,
        topic=f"respuesta_{question.number}",
        subject=f"{order.order_number}: respuesta a la pregunta {question.number}",
        body=(
            f"Preguntaste {audience_name(question.audience)}:\n{question.question}\n\n"
            f"Respuesta:\n{answer}\n\n" + _how_to_decide(order, change.policy)
        ),
    )


def _waiting(order: Order, hours: int) -> str:
    return (
        f"El plan v{order.plan_version} de {order.nombre_producto} ({type_name(order)}) espera "
        f"una decisión desde hace {hours} h.\n\n"
    )


def _how_to_decide(order: Order, policy: Policy) -> str:
    number = order.order_number
    return how_to_act(
        "Para verlo y decidir",
        plan_page(policy, order),
        f"axon orders plan {number}",
        f"axon orders approve {number}",
    )
