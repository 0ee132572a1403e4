"""Answers about questions."""

from typing import ClassVar, Literal

from pydantic import Field

from axon_factory.api.schemas.base import AnswerModel, Count, Timestamp
from axon_factory.api.schemas.examples import EXAMPLE_ID
from axon_factory.api.schemas.orders import Attempt, OrderId
from axon_factory.domain.states import Audience

__all__ = ["Question", "QuestionList"]


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
    numero: int = Field(ge=1, description="Número de la pregunta dentro de la orden.")
    intento: Attempt
    destinatario: Audience
    pregunta: str = Field(description="Qué se pregunta.")
    opciones: list[str] = Field(description="Las respuestas posibles; vacía: cualquiera.")
    bloquea: bool = Field(description="La orden espera la respuesta.")
    estado: Literal["abierta", "respondida", "cerrada"] = Field(
        description="`cerrada`: la orden siguió sin la respuesta."
    )
    preguntado_por: str = Field(description="Quién pregunta.")
    preguntado_at: Timestamp
    respuesta: str | None = Field(description="La respuesta; null mientras no la hay.")
    respondido_por: str | None = Field(description="Quién respondió.")
    respondido_at: Timestamp | None = Field(description="Cuándo se respondió.")
    cerrada_at: Timestamp | None = Field(description="Cuándo dejó de hacer falta la respuesta.")


class QuestionList(AnswerModel):
    """Las preguntas de una orden, de la más antigua a la última."""

    EXAMPLE: ClassVar = {"order_id": EXAMPLE_ID, "count": 1, "preguntas": [Question.EXAMPLE]}

    order_id: OrderId
    count: Count = Field(description="Cuántas hay.")
    preguntas: list[Question] = Field(description="Las que quien pregunta puede leer.")
