"""`axon audit`: read the audit trail, check it, and keep a digest of it elsewhere (ADR 17)."""

import json
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from axon_factory.cli.client import Factory, Json
from axon_factory.cli.tables import NOTHING, Table, local_time, safe
from axon_factory.cli.terminal import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    paint,
    print_json,
    said,
    say,
    tell,
)

_group = typer.Typer(
    no_args_is_help=True, help="Who did what: the audit trail, and the proof that it is whole."
)

_FAULTS = {
    "altered": "fue alterada",
    "missing": "falta",
    "reordered": "está en otro orden",
    "truncated": "falta, con todo lo que la seguía",
    "unknown": "no fue escrita por la fábrica",
}
_PAGE = 200
_SECONDS = 3600.0
_CHECKPOINT = frozenset({"version", "at", "position", "entries", "chains", "digest"})


def register(app: typer.Typer) -> None:
    """Add the group to the program."""
    app.add_typer(_group, name="audit")


@_group.command("list")
def list_entries(
    *,
    chain: Annotated[
        str | None, typer.Option(help="An order's id, or `acceso`: logins, users, keys, refusals.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help='Such as "user:…" or "local:ana".')] = None,
    since: Annotated[datetime | None, typer.Option(help="From this moment on, UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the newest entries of the audit trail, the newest last.

    Example: axon audit list --chain acceso --since 2026-01-31
    """
    begin = since.replace(tzinfo=UTC).isoformat() if since else None
    query = {"cadena": chain, "actor": actor, "desde": begin}
    found = list(reversed(_newest(Factory(data_dir), query, limit)))
    if as_json:
        print_json(found)
        return
    rows = Table(
        *("Fecha", "Quién", "Acción", "Resultado", "Sobre", "Desde"),
        drop=("Desde", "Sobre", "Resultado"),
    )
    for entry in found:
        who = f"{entry['actor_nombre']} ({entry['actor']})"
        subject, address = entry["objeto"] or NOTHING, entry["direccion"] or NOTHING
        moment = local_time(entry["fecha"])
        rows.add(moment, who, entry["accion"], entry["resultado"], subject, address)
    say(*rows.lines())


def _newest(factory: Factory, query: Mapping[str, Any], limit: int) -> list[Json]:
    """Return the newest entries, newest first, from as many pages as it takes."""
    found: list[Json] = []
    before = None
    while len(found) < limit:
        part = {"limit": min(_PAGE, limit - len(found)), "before": before}
        page = factory.get("audit", query={**query, **part})
        found += page["entries"]
        if page["next"] is None:
            break
        before = found[-1]["posicion"]
    return found


@_group.command("verify")
def verify(
    *,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A file of `axon audit checkpoint`, to be compared with.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every entry of the audit trail; the exit code is 14 if it does not hold.

    With a checkpoint the trail up to it is compared with what was kept; it proves nothing about
    how the trail was before the checkpoint was made.

    Example: axon audit verify --checkpoint auditoria.json
    """
    kept = _read_checkpoint(checkpoint) if checkpoint else None
    result = _verified(Factory(data_dir), kept["position"] if kept else None)
    found = result.pop("punto_de_control")
    agrees = _agree(kept, found)
    if as_json:
        print_json(result | {"coincide_con_el_punto_de_control": agrees})
    else:
        _show(result, kept, agrees=agrees)
    if not result["integra"] or agrees is False:
        raise typer.Exit(int(Exit.AUDIT_BROKEN))


@_group.command("checkpoint")
def make_checkpoint(
    *,
    file: Annotated[
        Path | None, typer.Option("--out", help="File to write; standard output without it.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the audit trail and write one digest of all of it, to be kept outside the database.

    The digest is JSON with --json or without. A trail that does not hold gets none.

    Example: axon audit checkpoint --out auditoria.json
    """
    result = _verified(Factory(data_dir), None)
    made = result.pop("punto_de_control")
    if not result["integra"] or made is None:
        if as_json:
            print_json(result)
        else:
            _show_broken(result)
        raise typer.Exit(int(Exit.AUDIT_BROKEN))
    if file is not None:
        try:
            file.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            cause = error.strerror
            raise CliError(
                Exit.USAGE,
                said(f"No se puede escribir {file}: {cause}", f"{file} cannot be written: {cause}"),
            ) from None
    if as_json or file is None:
        print_json(made)
    else:
        entries = made["entries"]
        say(
            said(
                f"Punto de control de {entries} entradas en {file}",
                f"Checkpoint of {entries} entries in {file}",
            )
        )


def _verified(factory: Factory, position: int | None) -> Json:
    """Have every entry checked; a terminal shows how long that goes on."""
    with _clock(said("Comprobando la auditoría", "Verifying the audit trail")):
        return factory.get("audit", "verification", query={"posicion": position}, seconds=_SECONDS)


@contextmanager
def _clock(text: str) -> Generator[None]:
    over, begin = threading.Event(), time.monotonic()

    def show() -> None:
        while not over.wait(1):
            tell(f"{text}: {int(time.monotonic() - begin)} s")

    clock = threading.Thread(target=show, daemon=True)
    clock.start()
    try:
        yield
    finally:
        over.set()
        clock.join()
        tell("")


def _read_checkpoint(file: Path) -> Json:
    """Read a checkpoint.

    Raises:
        CliError: the file cannot be read, or is none.
    """
    try:
        document: object = json.loads(file.read_bytes())
    except OSError as error:
        cause = error.strerror
        raise CliError(
            Exit.USAGE, said(f"No se puede leer {file}: {cause}", f"{file} cannot be read: {cause}")
        ) from None
    except (ValueError, RecursionError):
        document = None
    found = cast("Json", document) if isinstance(document, dict) else {}
    if found.keys() != _CHECKPOINT or type(found["position"]) is not int:
        raise CliError(
            Exit.USAGE,
            said(
                f"{file} no es un punto de control de la auditoría",
                f"{file} is no checkpoint of the audit trail",
            ),
        )
    return found


def _agree(kept: Json | None, found: Json | None) -> bool | None:
    """Return whether the trail up to the cut is what was kept; None without a checkpoint."""
    if kept is None or found is None:
        return None
    return kept["digest"] == found["digest"] and kept["entries"] == found["entries"]


def _show(result: Json, kept: Json | None, *, agrees: bool | None) -> None:
    if not result["integra"]:
        _show_broken(result)
    if kept is not None and not agrees:
        say(
            paint(
                f"✗ La auditoría hasta {local_time(kept['at'])} no es la del punto de control: "
                f"tenía {kept['entries']} entradas",
                "red",
            )
        )
    if result["integra"] and agrees is not False:
        as_kept = ", y coincide con el punto de control" if agrees else ""
        counted = f"{result['entradas']} entradas en {result['cadenas']} cadenas"
        say(paint(f"✓ Auditoría íntegra: {counted}{as_kept}", "green"))


def _show_broken(result: Json) -> None:
    for found in result["roturas"]:
        chain, fault = safe(found["cadena"]), _FAULTS[found["motivo"]]
        say(paint(f"✗ Cadena {chain}: la entrada {found['secuencia']} {fault}", "red"))
    counted = f"{result['cadenas_rotas']} de {result['cadenas']} cadenas"
    say(paint(f"✗ La auditoría no es íntegra: {counted}", "red"))
