"""How versions of a plan look in answers: filtered by what the caller may read."""

from collections.abc import Sequence
from typing import Any

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.fields import PLAN_READERS, readable
from axon_factory.domain.permissions import Principal
from axon_factory.orders.plans.versions import PlanVersion
from axon_factory.orders.views import timestamp

__all__ = ["plans_document", "version_document"]


def plans_document(
    order: Order,
    versions: Sequence[PlanVersion],
    questions: Sequence[OrderQuestion],
    usage: dict[str, Any],
    principal: Principal,
) -> dict[str, Any]:
    """Return every version of the order's plan, and what was asked and used for it."""
    document = {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "plan_version": order.plan_version,
        "plan_estado": order.plan_estado,
        "count": len(versions),
        "planes": [version_document(version, principal) for version in versions],
        "preguntas": [_question(question) for question in questions],
        "uso": usage,
    }
    return readable(document, principal.grant, PLAN_READERS)


def version_document(version: PlanVersion, principal: Principal) -> dict[str, Any]:
    """Return one version."""
    row = version.row
    document = {
        "version": row.version,
        "hash": row.hash,
        "plan": row.plan,
        "planificador": row.planner,
        "autor": version.author,
        "version_base": row.base_version,
        "estado": row.estado,
        "created_at": timestamp(row.created_at),
        "decidido_at": timestamp(row.decided_at),
        "decidido_por": version.decider,
        "motivo": row.motivo,
        "avisos": row.flags,
        "modelo": row.model,
        "version_prompt": row.prompt_version,
        "recordatorios": row.reminders,
        "recordado_at": timestamp(row.reminded_at),
        "escalado_at": timestamp(row.escalated_at),
    }
    return readable(document, principal.grant, PLAN_READERS)


def _question(question: OrderQuestion) -> dict[str, Any]:
    return {
        "numero": question.number,
        "para": question.audience,
        "pregunta": question.question,
        "de": question.asked_by_name,
        "created_at": timestamp(question.asked_at),
        "respuesta": question.answer,
        "respondida_at": timestamp(question.answered_at),
        "cerrada_at": timestamp(question.closed_at),
    }
