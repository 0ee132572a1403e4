"""What commands say: exit codes, sentences in the user's language, JSON for scripts, questions.

Answers go to standard output. docs/operations.md lists the exit codes, which scripts rely on. Only
the standard library and Typer are imported, because each command waits for what it imports.
"""

import json
import os
import sys
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Exit(IntEnum):
    """What the process ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    SETTINGS = 3
    DATABASE_UNREACHABLE = 4
    PORT_BUSY = 5
    DATA_DIR_UNWRITABLE = 6
    DATA_DIR_HELD = 7
    NOT_RUNNING = 8
    REFUSED = 9
    NOT_DELIVERED = 10
    PRODUCT_RUNTIME = 11
    EMBEDDED_POSTGRES = 12
    SCHEMA_OUTDATED = 13
    AUDIT_BROKEN = 14
    DATABASE_UNSUPPORTED = 15


class CliError(Exception):
    """A failure that ends the command with one clear sentence and a code of its own."""

    def __init__(self, code: Exit, message: str, extra: Mapping[str, Any] | None = None) -> None:
        """`message` says what is wrong and what to do; scripts get the keys of `extra` too."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.extra = dict(extra or {})


JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON for scripts.")]
DataDirOption = Annotated[
    Path | None,
    typer.Option(help="Folder with everything the factory keeps (AXON_DATA_DIR)."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_COLOURS = {
    name: str(number)
    for number, name in enumerate(
        ("red", "green", "yellow", "blue", "magenta", "cyan", "white"), start=31
    )
} | {"bold": "1", "dim": "2"}
_YES = frozenset({"s", "sí", "si", "y", "yes"})
_NO = frozenset({"n", "no", ""})


def english() -> bool:
    """Return whether the user chose English (AXON_LANG) for prompts and errors."""
    return os.environ.get("AXON_LANG", "").lower().startswith("en")


def said(spanish: str, in_english: str) -> str:
    """Return the sentence in the user's language."""
    return in_english if english() else spanish


def paint(text: str, style: str) -> str:
    """Return `text` in a style such as "bold green", where standard output is a terminal."""
    return _painted(text, style) if style and has_colour(sys.stdout) else text


def has_colour(stream: Any) -> bool:  # noqa: ANN401 — a text stream
    """Return whether the stream shows colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def _painted(text: str, style: str) -> str:
    codes = ";".join(_COLOURS[word] for word in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m"


def say(*lines: str) -> None:
    """Write lines to standard output as they are."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def tell(line: str) -> None:
    """Show how long work goes on: a line on a terminal's standard error that the next replaces."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()


def print_json(document: Any) -> None:  # noqa: ANN401 — any JSON value
    """Write one JSON document on its own line to standard output."""
    say(json.dumps(document, ensure_ascii=False, default=str))


def show_failure(failure: CliError, *, as_json: bool) -> None:
    """Write what went wrong: a document for scripts, a sentence on standard error for people."""
    if as_json:
        print_json(failure.extra | {"error": failure.message, "exit_code": int(failure.code)})
        return
    line = f"axon: {failure.message}"
    sys.stderr.write((_painted(line, "red") if has_colour(sys.stderr) else line) + "\n")


def refuse_question(*, as_json: bool) -> None:
    """Refuse to ask where a script reads the answer.

    Raises:
        CliError: JSON was asked for.
    """
    if as_json:
        raise CliError(
            Exit.USAGE,
            said("Con --json no se pregunta: añade --yes", "--json asks nothing: add --yes"),
        )


def ask(question: str, *, default: str | None = None) -> str:
    """Return the line that a person types, or `default` for an empty one.

    Raises:
        typer.Abort: standard input has ended.
    """
    shown = f"{question} [{default}]: " if default else f"{question}: "
    sys.stdout.write(shown)
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        say()
        raise typer.Abort
    return line.strip() or default or ""


def confirm(question: str) -> None:
    """Go on if a person says yes: s, sí, si, y, yes.

    Raises:
        typer.Abort: they say no, or nothing.
    """
    while (answer := ask(f"{question} {said('[s/N]', '[y/N]')}").lower()) not in _YES:
        if answer in _NO:
            raise typer.Abort
        say(said("Responde s o n", "Answer y or n"))
