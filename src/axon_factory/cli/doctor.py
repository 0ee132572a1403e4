"""`axon doctor`: check everything, and say what to do."""

from collections.abc import Sequence

import typer

from axon_factory.cli.checks import (
    Check,
    Status,
    check_agents,
    check_database,
    check_git,
    check_machine,
    check_python,
)
from axon_factory.cli.context import run
from axon_factory.cli.tables import Styled, Table, safe
from axon_factory.cli.terminal import DataDirOption, Exit, JsonOption, paint, print_json, say
from axon_factory.settings import SettingsInvalid, load_settings

_SYMBOLS = {
    Status.OK: Styled("✓ bien", "green"),
    Status.WARNING: Styled("! aviso", "yellow"),
    Status.ERROR: Styled("✗ error", "red"),
}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("doctor")(doctor)


def doctor(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Check settings, machine, agents, database, workers and work, and say what to do about each.

    Changes nothing and works when nothing runs. The exit code is 1 if there is an error.

    Example: axon doctor --json
    """

    async def command() -> list[Check]:
        checks = [check_python(), await check_git()]
        try:
            settings = load_settings(data_dir=data_dir)
        except SettingsInvalid as error:
            action = "Corrige las variables; las demás comprobaciones dependen de ellas"
            return [Check("Configuración", Status.ERROR, str(error), action), *checks]
        valid = Check("Configuración", Status.OK, f"Válida, entorno {settings.environment}")
        parts = (check_machine, check_agents, check_database)
        found = [check for part in parts for check in await part(settings)]
        return [valid, *checks, *found]

    checks = run(command, as_json=as_json)
    failed = any(check.status is Status.ERROR for check in checks)
    if as_json:
        print_json({"ok": not failed, "checks": [_document(check) for check in checks]})
    else:
        _show(checks)
    if failed:
        raise typer.Exit(int(Exit.FAILED))


def _document(check: Check) -> dict[str, str]:
    return {
        "name": check.name,
        "status": check.status.value,
        "detail": check.detail,
        "action": check.action,
    }


def _show(checks: Sequence[Check]) -> None:
    rows = Table("Comprobación", "Estado", "Detalle")
    for check in checks:
        rows.add(check.name, _SYMBOLS[check.status], check.detail)
    say(*rows.lines())
    todo = [check for check in checks if check.action]
    if todo:
        say("", *(paint(f"→ {safe(one.name)}: {safe(one.action)}", "bold") for one in todo))
