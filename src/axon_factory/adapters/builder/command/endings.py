"""How a launch ends: with a question, with success, or why not (docs/agents/command.md).

An exit code alone proves nothing: the programs end with 0 also where the model's answer was cut,
was empty, or never came. Words of programs and providers go into `detail`, which staff alone read.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from axon_factory.adapters.builder.command import launcher
from axon_factory.adapters.builder.command.options import CommandOptions
from axon_factory.adapters.builder.command.output import Cursor, Verdict
from axon_factory.adapters.builder.command.profiles.base import Ending, mapping, one_line
from axon_factory.adapters.builder.command.runs import Exit, Run
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.text import Redactor
from axon_factory.ports.builder import AgentAnswer, AgentQuestion, build_failure
from axon_factory.ports.errors import PortError

_LONGEST_QUESTION = 1000
_LONGEST_OPTION = 120
_MOST_OPTIONS = 10
_OPERATOR = "operador"
_MEBIBYTE = 1024 * 1024
_LONGEST_COMPLAINT = 300
_UNFINISHED = {
    None: "El agente terminó sin decir que había acabado",
    Ending.EMPTY: "El modelo terminó sin decir nada",
    Ending.CUT: "La respuesta del modelo se cortó por su longitud",
    Ending.BLOCKED: "El proveedor del modelo no dejó responder",
}
_NO_QUESTION_EITHER = frozenset({Ending.CUT, Ending.BLOCKED})


def read_question(content: str, launch: int, redactor: Redactor) -> dict[str, Any] | None:
    """Return the question that a launch has left, to be kept; None where the file says nothing.

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
        "key": f"pregunta-{launch}",
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


def require_success(
    ending: Exit, verdict: Verdict, options: CommandOptions, complaint: str
) -> None:
    """Let pass a launch that nothing calls a failure; it may still have ended before its work.

    Args:
        ending: the exit code, and whether the launcher ended it.
        verdict: what its own lines say.
        options: the bounds that it may have passed.
        complaint: the end of its standard error, for a launch whose lines tell no error.

    Raises:
        PortError: it failed.
    """
    detail = verdict.error or complaint
    if ending.reason is not None:
        raise build_failure(_overstepped(ending, options), detail=detail)
    if verdict.ending in _NO_QUESTION_EITHER:
        raise _unfinished(_UNFINISHED[verdict.ending], detail=detail)
    if verdict.ending is Ending.GAVE_UP:
        raise build_failure(
            f"El agente dejó el trabajo por un error (código {ending.code})", detail=detail
        )
    if ending.code != 0:
        raise build_failure(f"El agente terminó con código {ending.code}", detail=detail)


def require_an_end(verdict: Verdict) -> None:
    """Let pass a launch without a question only if its own last event says that it is done.

    Raises:
        PortError: no line says so, or the model's last answer was empty.
    """
    if verdict.ending is not Ending.DONE:
        raise _unfinished(_UNFINISHED[verdict.ending], detail=verdict.error or "")


def require_change(*, changed: bool, missing: Sequence[str]) -> None:
    """Let pass what the repository proves: a commit for each milestone, and in a rework a new one.

    Raises:
        PortError: nothing has `changed`, or milestones are `missing`.
    """
    if missing:
        names = ", ".join(missing)
        raise _unfinished(f"El agente dice que acabó, pero no hay un commit de: {names}")
    if not changed:
        raise _unfinished("El agente terminó sin corregir nada")


def without_progress(cursor: Cursor, verdict: Verdict, options: CommandOptions) -> PortError:
    """Return the failure of a launch that has said nothing but errors for too long.

    The line stops a run whose order has failed.
    """
    times = sum(one.times + 1 for one in cursor.noise)
    return PortError(
        f"El agente no avanzó: durante {options.errors_seconds / 60:.2g} minutos solo dio errores",
        cause=FailureCause.AGENTE_SIN_AVANCE,
        detail=f"{verdict.error or 'no dice cuáles'} ({times} veces)",
    )


def complaint_of(run: Run, redactor: Redactor) -> str:
    """Return the end of what the agent wrote to its standard error."""
    try:
        content = (run.folder / "errors.log").read_bytes()
    except OSError:
        return ""
    lines = [line.strip() for line in content[-4096:].decode(errors="replace").splitlines()]
    said = "".join(letter for letter in " ".join(lines[-3:]) if letter.isprintable())
    return redactor.text(said.strip())[:_LONGEST_COMPLAINT]


def _unfinished(message: str, *, detail: str = "") -> PortError:
    return PortError(message, cause=FailureCause.AGENTE_INCOMPLETO, detail=detail)


def _overstepped(ending: Exit, options: CommandOptions) -> str:
    sentences = {
        launcher.TIME: f"El agente no terminó en {options.seconds / 60:g} minutos",
        launcher.OUTPUT: f"El agente escribió más de {options.output_bytes // _MEBIBYTE} MB",
        launcher.UNSTARTED: f"{options.program.path.name} no se pudo arrancar",
    }
    return sentences.get(ending.reason or "", f"El agente terminó con código {ending.code}")
