"""The bodies of questions and answers."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from axon_factory.domain.requests import RequestModel
from axon_factory.domain.states import MOST_OPTIONS
from axon_factory.domain.text import Sentence
from axon_factory.orders.requests.values import LongText, ShortText

__all__ = ["QuestionAnswer", "QuestionRequest"]


def _each_once(options: list[str]) -> list[str]:
    if len(set(options)) != len(options):
        raise ValueError(Sentence("Hay opciones repetidas", "There are repeated options"))
    return options


class QuestionRequest(RequestModel):
    """Pregunta nueva."""

    EXAMPLE: ClassVar = {
        "pregunta": "¿En qué idioma saluda el bot?",
        "destinatario": "cliente",
        "opciones": ["Español", "Inglés"],
        "clave": "idioma-del-saludo",
    }

    pregunta: LongText = Field(description="Qué se pregunta.")
    destinatario: Literal["cliente", "operador"] = Field(
        description="Quién responde: `cliente` u `operador`."
    )
    opciones: Annotated[
        list[ShortText], Field(max_length=MOST_OPTIONS), AfterValidator(_each_once)
    ] = Field(
        default_factory=list[str], description="Las respuestas posibles; sin ellas, cualquiera."
    )
    bloquea: bool = Field(
        default=True, description="La orden espera la respuesta; sin bloqueo el trabajo sigue."
    )
    clave: ShortText | None = Field(
        default=None,
        description="Nombre de la pregunta en este intento: repetirla no pregunta de nuevo.",
    )


class QuestionAnswer(RequestModel):
    """La respuesta."""

    EXAMPLE: ClassVar = {"respuesta": "Español"}

    respuesta: LongText = Field(description="Una de las opciones, si las hay.")
