"""Reads what a model answered, as a plan or as text, and names what can come of a request."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from pydantic import ValidationError
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

from axon_factory.adapters.planner.llm.answer_schema import in_spanish, plan_schema
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import problems_of
from axon_factory.domain.text import Sentence

PLAN_TOOL = "entregar_plan"
"""The tool by which a model hands over a plan."""

_LONGEST_TEXT = 4000
_MOST_PROBLEMS = 12
_LONGEST_PROBLEM = 300
_FENCED = re.compile(r"\A```[a-z]*[ \t]*\n(?P<content>.*?)\n?```\Z", re.DOTALL)

T = TypeVar("T")
Reading = Callable[[ModelResponse], T]
"""Takes an answer for what it should be, or raises `Unusable`."""


class Outcome(StrEnum):
    """What `model_calls.outcome` says."""

    OK = "ok"
    SIN_CONEXION = "sin_conexion"
    TIEMPO_AGOTADO = "tiempo_agotado"
    LIMITE_DE_USO = "limite_de_uso"
    SIN_SALDO = "sin_saldo"
    ERROR_DEL_SERVIDOR = "error_del_servidor"
    NO_AUTORIZADO = "no_autorizado"
    PETICION_RECHAZADA = "peticion_rechazada"
    RESPUESTA_ILEGIBLE = "respuesta_ilegible"
    RESPUESTA_DEMASIADO_GRANDE = "respuesta_demasiado_grande"
    NEGATIVA = "negativa"
    SALIDA_TRUNCADA = "salida_truncada"
    SALIDA_INVALIDA = "salida_invalida"


SENTENCES: dict[Outcome, Sentence] = {
    Outcome.SIN_CONEXION: Sentence("no se pudo conectar", "could not be reached"),
    Outcome.TIEMPO_AGOTADO: Sentence("no respondió a tiempo", "did not answer in time"),
    Outcome.LIMITE_DE_USO: Sentence("limitó las peticiones", "limited the requests"),
    Outcome.SIN_SALDO: Sentence("no tiene saldo", "has no credit left"),
    Outcome.ERROR_DEL_SERVIDOR: Sentence("falló en su servidor", "failed on its server"),
    Outcome.NO_AUTORIZADO: Sentence("rechazó la clave", "refused the key"),
    Outcome.PETICION_RECHAZADA: Sentence("rechazó la petición", "refused the request"),
    Outcome.RESPUESTA_ILEGIBLE: Sentence("respondió algo ilegible", "answered nothing readable"),
    Outcome.RESPUESTA_DEMASIADO_GRANDE: Sentence(
        "respondió demasiado", "answered more than is taken"
    ),
    Outcome.NEGATIVA: Sentence("se negó a responder", "refused to answer"),
    Outcome.SALIDA_TRUNCADA: Sentence(
        "no terminó su respuesta dentro del límite", "did not end its answer within the limit"
    ),
    Outcome.SALIDA_INVALIDA: Sentence(
        "no entregó una respuesta válida", "did not give a valid answer"
    ),
}
"""How each failure is told to people; it follows the model's name."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request brought nothing that can be used.

    `again` says whether the same model may be asked once more, `wait_seconds` how long it wants to
    be left alone before. `problems` are told to the model when it is asked again, beside `answer`,
    what it had said. `detail` goes into the record: it has no secret and no client's data in it.
    """

    outcome: Outcome
    detail: str
    again: bool = False
    wait_seconds: float | None = None
    problems: tuple[str, ...] = ()
    answer: str = ""


class Unusable(Exception):
    """An answer is not what was asked for; `failure` says why and what follows."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.outcome)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class _Refuse:
    """Refuses one answer, keeping what the model had said for when it is asked again."""

    answer: str

    def invalid(self, *problems: str) -> Unusable:
        shown = tuple(_shortened(problem) for problem in problems[:_MOST_PROBLEMS])
        return Unusable(
            Failure(
                Outcome.SALIDA_INVALIDA,
                "; ".join(shown),
                again=True,
                problems=shown,
                answer=self.answer,
            )
        )


def read_plan(response: ModelResponse, product_id: str) -> Plan:
    """Return the plan that a model made for a product type.

    Raises:
        Unusable: it made none, or one that the line could not take.
    """
    _require_finished(response)
    content = _plan_text(response)
    refuse = _Refuse(content)
    try:
        answer = plan_schema(product_id).model_validate_json(content)
    except ValidationError as error:
        raise refuse.invalid(*_told(error)) from None
    plan = Plan.model_validate(answer.model_dump())
    problems = problems_of(plan, PRODUCT_TYPES[product_id])
    if problems:
        raise refuse.invalid(*problems)
    if not in_spanish(_texts_of(plan)):
        raise refuse.invalid("Los textos del plan deben estar en español")
    return plan


def read_text(response: ModelResponse) -> str:
    """Return an answer as plain text for people, at most 4,000 characters of it.

    Raises:
        Unusable: there is none.
    """
    _require_finished(response)
    said = _text(response)
    text = "".join(
        character
        for character in said
        if character == "\n" or unicodedata.category(character)[0] != "C"
    ).strip()
    if not text:
        raise _Refuse(said).invalid("La respuesta no tiene texto")
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def _require_finished(response: ModelResponse) -> None:
    if response.finish_reason == "content_filter":
        raise Unusable(Failure(Outcome.NEGATIVA, "content_filter"))
    if response.finish_reason == "length":
        raise Unusable(
            Failure(
                Outcome.SALIDA_TRUNCADA,
                "length",
                again=True,
                problems=("La respuesta quedó cortada: debe ser más breve",),
            )
        )


def _plan_text(response: ModelResponse) -> str:
    """Return the JSON of the plan: a tool call's arguments, or a text that is nothing else."""
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    wanted = [call for call in calls if call.tool_name == PLAN_TOOL]
    if len(wanted) == 1 and len(calls) == 1:
        return wanted[0].args_as_json_str()
    refuse = _Refuse(_text(response))
    if calls:
        raise refuse.invalid(f"Debe llamar una sola vez a {PLAN_TOOL}, y a nada más")
    # Servers without tool calls answer in text, often inside one fence.
    text = _text(response).strip()
    fenced = _FENCED.match(text)
    content = fenced["content"].strip() if fenced else text
    if not content.startswith("{"):
        raise refuse.invalid(f"La respuesta no es un plan: debe llamar a {PLAN_TOOL}")
    return content


def _text(response: ModelResponse) -> str:
    return "".join(part.content for part in response.parts if isinstance(part, TextPart))


def _told(error: ValidationError) -> list[str]:
    """Return what is wrong without repeating the values, which may be anything."""
    return [
        f"{'.'.join(str(step) for step in item['loc']) or 'plan'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _texts_of(plan: Plan) -> list[str]:
    milestones = [text for item in plan.milestones for text in (item.nombre, item.entregable)]
    return [*milestones, *plan.observaciones]


def _shortened(problem: str) -> str:
    seen = "".join(c if unicodedata.category(c)[0] != "C" else "�" for c in problem)
    return seen[:_LONGEST_PROBLEM]
