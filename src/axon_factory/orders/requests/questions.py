"""The bodies of questions and answers."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from axon_factory.domain.states import MOST_OPTIONS
from axon_factory.domain.text import Sentence
from axon_factory.orders.requests.values import LongText, ShortText

__all__ = ["QuestionAnswer", "QuestionRequest"]


def _each_once(options: list[str]) -> list[str]:
    if len(set(options)) != len(options):
        raise ValueError(Sentence("Hay opciones repetidas", "There are repeated options"))
    return options


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class QuestionRequest(_Strict):
    """Body of POST /api/orders/{id}/preguntas."""

    pregunta: LongText
    destinatario: Literal["cliente", "operador"]
    opciones: Annotated[
        list[ShortText], Field(max_length=MOST_OPTIONS), AfterValidator(_each_once)
    ] = Field(default_factory=list[str])
    bloquea: bool = True
    clave: ShortText | None = None


class QuestionAnswer(_Strict):
    """Body of POST /api/orders/{id}/preguntas/{numero}/respuesta."""

    respuesta: LongText
