"""Questions about an order in answers."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from axon_factory.db import tables
from axon_factory.domain.answers import AnswerModel, Column, Count, Timestamp
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import Audience
from axon_factory.orders.answers.shared import EXAMPLE_ID, Attempt, OrderId, actor_name

__all__ = ["Question", "QuestionList", "question_document", "questions_document"]


class Question(AnswerModel):
    """Una pregunta sobre una orden, y su respuesta cuando la hay."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "numero": 1,
        "intento": 1,
        "destinatario": "cliente",
        "pregunta": "¿En qué idioma saluda el bot?",
        "opciones": ["Español", "Inglés"],
        "bloquea": True,
        "estado": "respondida",
        "preguntado_por": "Builder Agent",
        "preguntado_at": "2025-11-14T11:00:00Z",
        "respuesta": "Español",
        "respondido_por": "Cliente",
        "respondido_at": "2025-11-14T11:20:00Z",
        "cerrada_at": None,
    }

    order_id: OrderId
    numero: Annotated[int, Column("number")] = Field(
        ge=1, description="Número de la pregunta dentro de la orden."
    )
    intento: Attempt
    destinatario: Annotated[Audience, Column("audience")]
    pregunta: Annotated[str, Column("question")] = Field(description="Qué se pregunta.")
    opciones: Annotated[list[str], Column("options")] = Field(
        description="Las respuestas posibles; vacía: cualquiera."
    )
    bloquea: Annotated[bool, Column("blocking")] = Field(
        description="La orden espera la respuesta."
    )
    estado: Literal["abierta", "respondida", "cerrada"] = Field(
        description="`cerrada`: la orden siguió sin la respuesta."
    )
    preguntado_por: str = Field(description="Quién pregunta.")
    preguntado_at: Annotated[Timestamp, Column("asked_at")]
    respuesta: Annotated[str | None, Column("answer")] = Field(
        description="La respuesta; null mientras no la hay."
    )
    respondido_por: str | None = Field(description="Quién respondió.")
    respondido_at: Annotated[Timestamp | None, Column("answered_at")] = Field(
        description="Cuándo se respondió."
    )
    cerrada_at: Annotated[Timestamp | None, Column("closed_at")] = Field(
        description="Cuándo dejó de hacer falta la respuesta."
    )


class QuestionList(AnswerModel):
    """Las preguntas de una orden, de la más antigua a la última."""

    EXAMPLE: ClassVar = {"order_id": EXAMPLE_ID, "count": 1, "preguntas": [Question.EXAMPLE]}

    order_id: Annotated[OrderId, Column("id")]
    count: Count = Field(description="Cuántas hay.")
    preguntas: list[Question] = Field(description="Las que quien pregunta puede leer.")


def question_document(question: tables.OrderQuestion, principal: Principal) -> dict[str, Any]:
    """Return one question as this caller may read it."""
    name, answered_by = question.answered_by_name, question.answered_by or ""
    return Question.of(
        question,
        estado=_status(question),
        preguntado_por=actor_name(question.asked_by_name, question.asked_by, principal),
        respondido_por=None if name is None else actor_name(name, answered_by, principal),
    )


def questions_document(
    order: tables.Order, questions: Sequence[tables.OrderQuestion], principal: Principal
) -> dict[str, Any]:
    """Return the questions of an order."""
    shown = [question_document(question, principal) for question in questions]
    return QuestionList.of(order, count=len(shown), preguntas=shown)


def _status(question: tables.OrderQuestion) -> str:
    if question.answered_at is not None:
        return "respondida"
    return "abierta" if question.closed_at is None else "cerrada"
