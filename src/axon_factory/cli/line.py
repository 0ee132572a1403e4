"""`axon line`: look at the line as a whole, pause, drain, stop and resume it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from axon_factory.api.line_view import line_document
from axon_factory.bootstrap import Container
from axon_factory.cli.context import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    local_principal,
    open_container,
    out,
    print_json,
    record,
    run,
)
from axon_factory.cli.render import facts, safe
from axon_factory.domain.building import LineMode
from axon_factory.domain.permissions import Action
from axon_factory.insights.line import read_line_status
from axon_factory.orders.incidents import read_products_down
from axon_factory.orders.line_mode import ModeChange, change_mode, read_control
from axon_factory.orders.requests import LongText, validated

_group = typer.Typer(no_args_is_help=True, help="Look at the line, pause it, drain it, stop it.")
_WATCH_SECONDS = 1.0

ReasonOption = Annotated[str, typer.Option(help="Why: everybody who looks at the line reads it.")]


class _Reason(BaseModel):
    reason: LongText


def register(app: typer.Typer) -> None:
    """Add the group to the program."""
    app.add_typer(_group, name="line")


@_group.command("status")
def status(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Show the mode of the line, the places for building and what waits.

    Example: axon line status --json
    """

    async def command() -> dict[str, Any]:
        async with open_container(data_dir) as container:
            return await _read(container)

    _show(run(command, as_json=as_json), as_json=as_json)


@_group.command("pause")
def pause(
    *, reason: ReasonOption, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Begin no further step; those that run end and are recorded.

    Example: axon line pause --reason "Mantenimiento de la base de datos"
    """
    _change(LineMode.PAUSADA, "pause_line", reason, data_dir, as_json=as_json)


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
    checked = _checked(reason, as_json=as_json)

    async def command() -> dict[str, Any]:
        async with open_container(data_dir) as container:
            document = await _changed(container, LineMode.DRENANDO, "drain_line", checked)
            return await drained(container, document, shown=not as_json) if watch else document

    _show(run(command, as_json=as_json), as_json=as_json)


@_group.command("stop")
def stop(
    *, reason: ReasonOption, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Emergency stop: interrupt what runs, and tell the agents outside to stop.

    Example: axon line stop --reason "Un agente publica datos de clientes"
    """
    _change(LineMode.DETENIDA, "stop_line", reason, data_dir, as_json=as_json)


@_group.command("resume")
def resume(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Let the line run again; whatever waited for it goes on.

    Example: axon line resume
    """
    _change(LineMode.ACTIVA, "resume_line", None, data_dir, as_json=as_json)


def _change(
    mode: LineMode, unit: str, reason: str | None, data_dir: Path | None, *, as_json: bool
) -> None:
    checked = _checked(reason, as_json=as_json) if reason is not None else ""

    async def command() -> dict[str, Any]:
        async with open_container(data_dir) as container:
            return await _changed(container, mode, unit, checked)

    _show(run(command, as_json=as_json), as_json=as_json)


def _checked(reason: str, *, as_json: bool) -> str:
    async def command() -> str:
        return validated(_Reason, {"reason": reason}).reason

    return run(command, as_json=as_json)


async def _changed(container: Container, mode: LineMode, unit: str, reason: str) -> dict[str, Any]:
    async with container.database.transaction(unit) as session:
        now = datetime.now(UTC)
        await change_mode(
            session, ModeChange(mode, reason), local_principal(), container.policy, now
        )
        await record(session, Action.CONTROL_LINE, subject=f"line:{mode}", details={"unidad": unit})
    return await _read(container)


async def _read(container: Container) -> dict[str, Any]:
    async with container.database.reading() as session:
        control = await read_control(session)
        status_now = await read_line_status(session)
        products = await read_products_down(session, datetime.now(UTC))
    return line_document(control, status_now, container.policy.limits, products)


async def drained(container: Container, document: dict[str, Any], *, shown: bool) -> dict[str, Any]:
    """Wait until nothing that was begun goes on.

    Raises:
        CliError: somebody changed the mode meanwhile.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        most = max(1, document["por_terminar"])
        task = progress.add_task("", total=most)
        while not document["drenada"] and document["modo"] == LineMode.DRENANDO:
            left = document["por_terminar"]
            most = max(most, left)
            text = f"Quedan {left} órdenes y {document['pasos_en_curso']} pasos"
            progress.update(task, description=text, total=most, completed=most - left)
            await asyncio.sleep(_WATCH_SECONDS)
            document = await _read(container)
        if document["modo"] != LineMode.DRENANDO:
            raise CliError(
                Exit.REFUSED, f"La línea no se drenó: alguien la puso en '{document['modo']}'"
            )
        progress.update(task, description="Drenada", completed=most)
    return document


def _show(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    out.print(str(document["message"]), markup=False, highlight=False)
    building = document["en_construccion"]
    rows = {
        "Modo": document["modo"],
        "Motivo": safe(document["motivo"] or "—"),
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
    out.print(facts({name: str(value) for name, value in rows.items()}))


def _since(document: dict[str, Any]) -> str:
    if document["desde"] is None:
        return "—"
    return f"{document['desde']} ({safe(document['cambiado_por'] or '—')})"


def _names(products: list[dict[str, Any]]) -> str:
    return ", ".join(f"{one['order_number']} ({one['causa']})" for one in products) or "0"


def _of(number: int, most: int | None) -> str:
    return f"{number} de {most}" if most else str(number)
