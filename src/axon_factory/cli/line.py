"""`axon line`: look at the line as a whole, pause, drain, stop and resume it."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from axon_factory.cli.client import Factory, Json
from axon_factory.cli.tables import NOTHING, facts, local_time, safe
from axon_factory.cli.terminal import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    print_json,
    said,
    say,
    tell,
)
from axon_factory.domain.building import LineMode

_group = typer.Typer(no_args_is_help=True, help="Look at the line, pause it, drain it, stop it.")
_WATCH_SECONDS = 1.0

ReasonOption = Annotated[str, typer.Option(help="Why: everybody who looks at the line reads it.")]


def register(app: typer.Typer) -> None:
    """Add the group to the program."""
    app.add_typer(_group, name="line")


@_group.command("status")
def status(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Show the mode of the line, the places for building and what waits.

    Example: axon line status --json
    """
    _show(Factory(data_dir).get("line"), as_json=as_json)


@_group.command("pause")
def pause(
    *, reason: ReasonOption, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Begin no further step; those that run end and are recorded.

    Example: axon line pause --reason "Mantenimiento de la base de datos"
    """
    _change("pause", reason, data_dir, as_json=as_json)


@_group.command("drain")
def drain(
    *,
    reason: ReasonOption,
    watch: Annotated[bool, typer.Option("--watch", help="Wait until it is drained.")] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Finish what was begun, and begin nothing new.

    With --watch it ends with 0 when the line is drained, with 9 if somebody changes the mode.

    Example: axon line drain --reason "Actualización" --watch
    """
    factory = Factory(data_dir)
    document = factory.post("line", "drain", body={"motivo": reason})
    if watch:
        document = drained(factory, document)
    _show(document, as_json=as_json)


@_group.command("stop")
def stop(
    *, reason: ReasonOption, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Emergency stop: interrupt what runs, and tell the agents outside to stop.

    Example: axon line stop --reason "Un agente publica datos de clientes"
    """
    _change("stop", reason, data_dir, as_json=as_json)


@_group.command("resume")
def resume(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Let the line run again; whatever waited for it goes on.

    Example: axon line resume
    """
    _change("resume", None, data_dir, as_json=as_json)


def _change(act: str, reason: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    body = None if reason is None else {"motivo": reason}
    _show(Factory(data_dir).post("line", act, body=body), as_json=as_json)


def drained(factory: Factory, document: Json) -> Json:
    """Wait until nothing that was begun goes on; `document` is how the line is.

    Raises:
        CliError: somebody changed the mode meanwhile.
    """
    begin = time.monotonic()
    while not document["drenada"] and document["modo"] == LineMode.DRENANDO:
        left, steps = document["por_terminar"], document["pasos_en_curso"]
        seconds = int(time.monotonic() - begin)
        tell(
            said(
                f"Quedan {left} órdenes y {steps} pasos ({seconds} s)",
                f"{left} orders and {steps} steps are left ({seconds} s)",
            )
        )
        time.sleep(_WATCH_SECONDS)
        document = factory.get("line")
    tell("")
    if document["modo"] != LineMode.DRENANDO:
        mode = document["modo"]
        raise CliError(
            Exit.REFUSED,
            said(
                f"La línea no se drenó: alguien la puso en '{mode}'",
                f"The line was not drained: somebody set it to '{mode}'",
            ),
        )
    return document


def _show(document: Json, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    say(str(document["message"]))
    building = document["en_construccion"]
    rows = {
        "Modo": document["modo"],
        "Motivo": document["motivo"] or NOTHING,
        "Desde": _since(document),
        "Nuevas": document["nuevas"],
        "En construcción": _of(building["total"], building["limite"]),
        **{
            f"  {one['tipo_producto']}": _of(one["total"], one["limite"])
            for one in building["por_tipo"]
        },
        "Esperan lugar": document["en_cola"],
        "Por terminar": document["por_terminar"],
        "Pasos en curso": document["pasos_en_curso"],
        "Esperan a personas": document["esperan_personas"],
        "Productos caídos": _names(document["productos_caidos"]),
    }
    say(*facts(rows))


def _since(document: Json) -> str:
    if document["desde"] is None:
        return NOTHING
    who = safe(document["cambiado_por"] or NOTHING)
    return f"{local_time(document['desde'])} ({who})"


def _names(products: list[dict[str, Any]]) -> str:
    return ", ".join(f"{one['order_number']} ({one['causa']})" for one in products) or "0"


def _of(number: int, most: int | None) -> str:
    return f"{number} de {most}" if most else str(number)
