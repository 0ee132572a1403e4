"""`axon`: the program's entry point. A command's module is imported when the command is used."""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from axon_factory import __version__
from axon_factory.cli.terminal import CliError, Exit, said, show_failure
from axon_factory.cli.values import read_values_plainly
from axon_factory.cli.words import usage_failure
from axon_factory.failpoints import arm_from_environment

# Importing all of them takes eight times as long as `axon --help` does without.
_COMMANDS = MappingProxyType(
    {
        "up": "Run a whole factory on this machine.",
        "serve": "Run the API and the pages.",
        "worker": "Run the factory line: any number, on any machine.",
        "migrate": "Bring the database to this program's schema.",
        "doctor": "Check everything and say what to do.",
        "runtime": "The Python environment that products run in.",
        "orders": "Create, follow and decide orders.",
        "pending": "What waits for a person.",
        "line": "Look at the line, pause it, drain it, stop it.",
        "users": "People who may log in.",
        "keys": "API keys and system tokens.",
        "notifications": "Where notifications go, and how they arrive.",
        "audit": "Who did what: the audit trail, and the proof that it is whole.",
    }
)


_MODULES = MappingProxyType(
    {"users": "access", "keys": "access", "migrate": "prepare", "runtime": "prepare"}
)
"""Commands whose module has another name."""


class _LazyGroup(TyperGroup):
    """Lists commands from the table above, loads the one that is used, and says what fails."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 — Typer's own options, passed on
        super().__init__(**options)
        self.commands = {name: TyperCommand(name, help=text) for name, text in _COMMANDS.items()}

    def resolve_command(
        self,
        ctx: Any,  # noqa: ANN401 — its type is private to Typer
        args: list[str],
    ) -> tuple[str | None, Any, list[str]]:
        """Return the name, the real command, and what is left of `args`."""
        name, known, rest = super().resolve_command(ctx, args)
        return name, _load(name) if name and known else None, rest

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:  # noqa: ANN401 — Typer's own
        """Run a command and end the process with its exit code."""
        words = list(sys.argv[1:] if args is None else args)
        options["standalone_mode"] = False
        try:
            code = super().main(words, *rest, **options)
        except CliError as failure:
            show_failure(failure, as_json="--json" in words)
            sys.exit(int(failure.code))
        except typer.Abort:
            sys.stderr.write(said("Cancelado\n", "Cancelled\n"))
            sys.exit(int(Exit.FAILED))
        except Exception as error:
            failure = usage_failure(error)
            if failure is None:
                raise
            show_failure(failure, as_json="--json" in words)
            sys.exit(int(failure.code))
        sys.exit(code if isinstance(code, int) else 0)


def _load(name: str) -> TyperCommand | TyperGroup:
    holder = typer.Typer(rich_markup_mode=None)
    _import(name).register(holder)
    return typer.main.get_group(holder).commands[name]  # pyright: ignore[reportReturnType] — only Typer's own classes are registered


def _import(name: str) -> ModuleType:
    """Import a command's module; looking for garbage meanwhile takes long and finds none."""
    gc.disable()
    try:
        return import_module(f"axon_factory.cli.{_MODULES.get(name, name)}")
    finally:
        gc.freeze()
        gc.enable()


read_values_plainly()
app = typer.Typer(
    name="axon",
    cls=_LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:  # noqa: FBT001 — Typer's callback
    if asked:
        typer.echo(f"axon {__version__}")
        raise typer.Exit


@app.callback()
def start(
    *,
    version: Annotated[  # noqa: ARG001 — its callback does the work
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Axon Factory: from an order to a delivered autopilot.

    Commands ask the factory that runs on the data folder, or the one at AXON_URL with AXON_API_KEY.
    up, serve, worker, migrate, doctor and runtime need none.

    Exit codes: 0 done; 2 the command line is wrong; 3 a setting is wrong; 4 the database does not
    answer; 8 no factory runs; 9 the factory refuses, and says why; docs/operations.md has them all.
    With --json a failure is a document with `error` and `exit_code`.
    """
    arm_from_environment()
