"""Renders prompts: instructions from the files beside this one, data as JSON between delimiters.

A file is `<name>.v<number>.md`; who changes a text adds a file with the next number, so that the
version on a plan tells what its model had been told. Nothing of a client enters a file. Of an order
the data hold what a plan needs, without secrets and of bounded size.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, cast

from axon_factory.adapters.planner.llm.answer_schema import MOST_TIMES_USUAL, known_stack
from axon_factory.adapters.planner.llm.reading import PLAN_TOOL
from axon_factory.domain.catalogue import INTEGRATIONS, PRODUCT_TYPES, ProductType
from axon_factory.domain.plan_review import AGENTS, LARGEST_DEVIATION
from axon_factory.domain.text import FOR_MODELS
from axon_factory.ports.planner import PlanQuestion, PlanRequest

_LONGEST_DATA = 40_000
_TEXT_LIMITS = (4000, 1000, 200)
_MOST_ITEMS = 200
_DEEPEST = 12
_CUT = "[…]"
PROMPTS_FOLDER = Path(__file__).with_name("prompts")
PLAN_PROMPT = "plan.v1"
ANSWER_PROMPT = "answer.v1"

_MARKUP = re.compile(r"[<>]|[^\x20-\x7e\xa1-\xac\xae-\u024f\u2010-\u2027\u20a0-\u20bf]")


def data_of_order(request: PlanRequest) -> dict[str, Any]:
    """Return the order as a model is shown it."""
    data: dict[str, Any] = {
        "producto": {"tipo": request.product_type, "nombre": request.product_name},
        "cliente": {"nombre": request.client_name, "industria": request.industry},
        "configuracion": request.configuration,
    }
    if request.answers:
        data["aclaraciones"] = [
            {"pregunta": asked, "respuesta": answer} for asked, answer in request.answers
        ]
    if request.rejection_reason is not None:
        rejected: dict[str, Any] = {"motivo": request.rejection_reason}
        if request.rejected_plan is not None:
            rejected["plan"] = request.rejected_plan.model_dump(mode="json")
        data["rechazo"] = rejected
    return _fitted(FOR_MODELS.data(data))


def data_of_question(question: PlanQuestion) -> dict[str, Any]:
    """Return a question about a plan, with the plan and the order, as a model is shown them."""
    asked = {"pregunta": question.question, "plan": question.plan.model_dump(mode="json")}
    return {**_fitted(FOR_MODELS.data(asked)), "pedido": data_of_order(question.request)}


def _fitted(data: dict[str, Any]) -> dict[str, Any]:
    """Return data that a prompt has room for: with shorter texts, at last without configuration."""
    for limit in _TEXT_LIMITS:
        shortened = _shortened(data, limit, _DEEPEST)
        if len(json.dumps(shortened)) <= _LONGEST_DATA:
            return shortened
    return {**_shortened(data, _TEXT_LIMITS[-1], 2), "configuracion": _CUT}


def _shortened(value: Any, longest: int, depth: int) -> Any:  # noqa: ANN401 — any JSON value
    match value:
        case str():
            return value if len(value) <= longest else value[:longest] + _CUT
        case dict() | list() if depth == 0:
            return _CUT
        case dict():
            members = list(cast("dict[str, Any]", value).items())[:_MOST_ITEMS]
            return {
                name[:longest]: _shortened(member, longest, depth - 1) for name, member in members
            }
        case list():
            items = cast("list[Any]", value)[:_MOST_ITEMS]
            return [_shortened(item, longest, depth - 1) for item in items]
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The two lines around the data of one call; an author of data cannot know them."""

    opening: str
    closing: str

    @classmethod
    def fresh(cls) -> "Delimiters":
        """Return lines that were never used before."""
        token = secrets.token_hex(16)
        return cls(f"<<<DATOS {token}>>>", f"<<<FIN {token}>>>")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is told: its instructions, the version of their text, and messages of data."""

    version: str
    instructions: str
    data: tuple[str, ...]
    delimiters: Delimiters

    def with_problems(self, answer: str, problems: tuple[str, ...]) -> "Prompt":
        """Return the same with what was wrong about the answer, as one more message of data."""
        again = {"respuesta_anterior": answer[:_LONGEST_ANSWER], "problemas": list(problems)}
        return Prompt(
            self.version,
            self.instructions,
            (self.data[0], data_message(again, self.delimiters)),
            self.delimiters,
        )

    @property
    def text(self) -> str:
        """All of it, to be measured."""
        return "\n".join((self.instructions, *self.data))


_LONGEST_ANSWER = 12_000


def plan_prompt(product_id: str, data: Mapping[str, Any]) -> Prompt:
    """Return what a model is told to make a plan of `data`.

    Raises:
        KeyError: the catalogue has no such product.
    """
    product, delimiters = PRODUCT_TYPES[product_id], Delimiters.fresh()
    usual = product.recursos
    integrations = dict.fromkeys((*INTEGRATIONS.values(), *product.integraciones_comunes))
    instructions = _rendered(
        PLAN_PROMPT,
        delimiters,
        product=_described(product),
        templates=", ".join(product.templates),
        integrations=", ".join(integrations),
        agents=", ".join(AGENTS),
        stack=", ".join(known_stack()),
        milestones="\n".join(
            f"- `{item.id}`: {item.nombre}, {item.estimacion_horas:g} horas, {item.agente}"
            f" ({item.entregable})"
            for item in product.milestones
        ),
        tool=PLAN_TOOL,
        usual_hours=product.estimacion_horas,
        deviation=round(LARGEST_DEVIATION * 100),
        most_hours=product.estimacion_horas * MOST_TIMES_USUAL,
        usual_resources=f"{usual.cpu_cores} núcleos, {usual.ram_gb} GB de memoria y "
        f"{usual.storage_gb} GB de disco",
    )
    return Prompt(PLAN_PROMPT, instructions, (data_message(data, delimiters),), delimiters)


def answer_prompt(product_id: str, data: Mapping[str, Any]) -> Prompt:
    """Return what a model is told to answer a question about a plan.

    Raises:
        KeyError: the catalogue has no such product.
    """
    delimiters = Delimiters.fresh()
    instructions = _rendered(
        ANSWER_PROMPT, delimiters, product=_described(PRODUCT_TYPES[product_id])
    )
    return Prompt(ANSWER_PROMPT, instructions, (data_message(data, delimiters),), delimiters)


def data_message(data: Mapping[str, Any], delimiters: Delimiters) -> str:
    """Return data as JSON between the delimiters.

    Angle brackets, and whatever is no common European letter, sign or space, are written as the
    escapes of JSON: no tag, no invisible character and no line break of the data reaches the model
    as such, and the data cannot hold a delimiter.
    """
    document = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{delimiters.opening}\n{_MARKUP.sub(_escaped, document)}\n{delimiters.closing}"


def _escaped(character: re.Match[str]) -> str:
    units = character[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _rendered(version: str, delimiters: Delimiters, **values: object) -> str:
    return _template(version).substitute(
        opening=delimiters.opening, closing=delimiters.closing, **values
    )


@cache
def _template(version: str) -> Template:
    return Template((PROMPTS_FOLDER / f"{version}.md").read_text(encoding="utf-8"))


def _described(product: ProductType) -> str:
    features = "\n".join(f"- {feature}" for feature in product.features)
    return f"{product.nombre} (`{product.id}`): {product.descripcion}.\n\n{features}"
