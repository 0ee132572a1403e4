"""What an agent asks: a file that it leaves before it ends."""

import json
from collections.abc import Mapping
from typing import Any, cast

from axon_factory.adapters.builder.command.profiles.base import mapping, one_line
from axon_factory.domain.redaction import Redactor
from axon_factory.ports.builder import AgentAnswer, AgentQuestion

_LONGEST_QUESTION = 1000
_LONGEST_OPTION = 120
_MOST_OPTIONS = 10
_OPERATOR = "operador"


def read_question(content: str, run: int, redactor: Redactor) -> dict[str, Any] | None:
    """Return the question that a run has left, to be kept; None where the file says nothing.

    A file that is no JSON is a question all the same, for an operator.
    """
    try:
        document = mapping(json.loads(content))
    except (ValueError, RecursionError):
        document = {"pregunta": content, "para": _OPERATOR}
    text = redactor.text(one_line(document.get("pregunta"), _LONGEST_QUESTION))
    if not text:
        return None
    options = document.get("opciones")
    listed = cast("list[Any]", options)[:_MOST_OPTIONS] if isinstance(options, list) else []
    cleaned = (redactor.text(one_line(option, _LONGEST_OPTION)) for option in listed)
    return {
        "key": f"pregunta-{run}",
        "text": text,
        "options": [option for option in cleaned if option],
        "to_client": document.get("para") != _OPERATOR,
    }


def as_question(kept: Mapping[str, Any]) -> AgentQuestion:
    """Return a kept question as the port has it."""
    return AgentQuestion(kept["key"], kept["text"], tuple(kept["options"]), kept["to_client"])


def answer_data(answer: AgentAnswer) -> dict[str, Any]:
    """Return an answer as the agent reads it."""
    return {"clave": answer.key, "pregunta": answer.question, "respuesta": answer.answer}
