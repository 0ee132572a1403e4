"""How questions look in answers."""

from collections.abc import Sequence
from typing import Any

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.permissions import Principal
from axon_factory.domain.times import timestamp
from axon_factory.orders.views import actor_name

__all__ = ["question_document", "questions_document"]


def question_document(question: OrderQuestion, principal: Principal) -> dict[str, Any]:
    """Return one question as this caller may read it."""
    answered_by = question.answered_by_name
    return {
        "order_id": str(question.order_id),
        "numero": question.number,
        "intento": question.intento,
        "destinatario": question.audience,
        "pregunta": question.question,
        "opciones": question.options,
        "bloquea": question.blocking,
        "estado": _status(question),
        "preguntado_por": actor_name(question.asked_by_name, question.asked_by, principal),
        "preguntado_at": timestamp(question.asked_at),
        "respuesta": question.answer,
        "respondido_por": None
        if answered_by is None
        else actor_name(answered_by, question.answered_by or "", principal),
        "respondido_at": timestamp(question.answered_at),
        "cerrada_at": timestamp(question.closed_at),
    }


def questions_document(
    order: Order, questions: Sequence[OrderQuestion], principal: Principal
) -> dict[str, Any]:
    """Return the questions of an order."""
    return {
        "order_id": str(order.id),
        "count": len(questions),
        "preguntas": [question_document(question, principal) for question in questions],
    }


def _status(question: OrderQuestion) -> str:
    if question.answered_at is not None:
        return "respondida"
    return "abierta" if question.closed_at is None else "cerrada"
