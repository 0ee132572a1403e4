"""Typer's own complaints about a command line, in the user's language and in the program's way."""

import re
from typing import Any

from axon_factory.cli.terminal import CliError, Exit, english, said

_SPANISH = tuple(
    (re.compile(pattern), spanish)
    for pattern, spanish in (
        (r"^No such option: (\S+)", r"No existe la opción \1"),
        (r"\(Possible options: (.*)\)$", r"(quizá \1)"),
        (r"^No such command (.*?)\.", r"No existe el comando \1."),
        (r"Did you mean (.*)\?$", r"¿Querías \1?"),
        (r"^Missing argument (.*?)\.(.*)$", r"Falta el argumento \1.\2"),
        (r"^Missing option (.*?)\.(.*)$", r"Falta la opción \1.\2"),
        (r"^Missing command\.$", "Falta el comando."),
        (r"Choose from:", "Opciones:"),
        (r"^Invalid value for (.*?): ", r"Valor no válido para \1: "),
        (r"^Got unexpected extra arguments? \((.*)\)$", r"Sobra: \1"),
        (r"^Got unexpected extra argument\(s\) \((.*)\)$", r"Sobra: \1"),
        (r"^Option '(.*?)' requires an argument\.$", r"La opción '\1' necesita un valor."),
        (r"^Option '(.*?)' requires (\d+) arguments\.$", r"La opción '\1' necesita \2 valores."),
        (r"^Option '(.*?)' does not take a value\.$", r"La opción '\1' no lleva valor."),
        (r"^Argument '(.*?)' takes (\d+) values\.$", r"El argumento '\1' lleva \2 valores."),
    )
)


def usage_failure(error: Exception) -> CliError | None:
    """Return what is wrong with the command line, None if it was something else.

    An error that is the help of a group without a command is shown as it is.
    """
    complaint: Any = error
    if not hasattr(error, "format_message") or not hasattr(error, "exit_code"):
        return None
    if type(error).__name__ == "NoArgsIsHelpError":
        complaint.show()
        raise SystemExit(int(Exit.USAGE))
    sentence = " ".join(str(complaint.format_message()).split())
    if not english():
        for pattern, spanish in _SPANISH:
            sentence = pattern.sub(spanish, sentence)
    context = getattr(complaint, "ctx", None)
    if context is not None:
        path = context.command_path
        sentence += said(f"\nMira `{path} --help`", f"\nSee `{path} --help`")
    return CliError(Exit.USAGE, sentence)
