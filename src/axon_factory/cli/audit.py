"""`axon audit`: read the audit trail, check it, and keep a digest of it elsewhere (ADR 17)."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from axon_factory.cli.context import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    open_container,
    out,
    print_json,
    run,
)
from axon_factory.cli.render import add_row, local_time, safe, table
from axon_factory.db.audit import (
    AuditQuery,
    Checkpoint,
    Verification,
    audit_document,
    cut,
    list_audit,
    verify_audit,
)
from axon_factory.db.sessions import Database
from axon_factory.domain.audit import AuditRecord, Break, Fault

_group = typer.Typer(
    no_args_is_help=True, help="Who did what: the audit trail, and the proof that it is whole."
)

_FAULTS = {
    Fault.ALTERED: "fue alterada",
    Fault.MISSING: "falta",
    Fault.REORDERED: "está en otro orden",
    Fault.TRUNCATED: "falta, con todo lo que la seguía",
    Fault.UNKNOWN: "no fue escrita por la fábrica",
}


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
    begin = since.replace(tzinfo=UTC) if since else None
    query = AuditQuery(chain=chain, actor=actor, since=begin, limit=limit)

    async def command() -> Sequence[AuditRecord]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            return await list_audit(session, query)

    found = list(reversed(run(command, as_json=as_json)))
    if as_json:
        print_json([audit_document(record) for record in found])
        return
    rows = table("Fecha", "Quién", "Acción", "Resultado", "Sobre", "Desde")
    for record in found:
        who = f"{record.actor_name} ({record.actor})"
        subject, address = record.subject or "—", record.address or "—"
        moment = local_time(record.at)
        add_row(rows, moment, who, record.action, record.outcome, subject, address)
    out.print(rows)


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

    async def command() -> tuple[Verification, Checkpoint | None]:
        kept = await asyncio.to_thread(_read_checkpoint, checkpoint) if checkpoint else None
        async with open_container(data_dir) as container:
            position = kept.position if kept else 0
            return await _checked(container.database, position, as_json=as_json), kept

    result, kept = run(command, as_json=as_json)
    agrees = _agree(kept, result.checkpoint)
    if as_json:
        print_json(_document(result) | {"coincide_con_el_punto_de_control": agrees})
    else:
        _show(result, kept, agrees=agrees)
    if not result.holds or agrees is False:
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

    async def command() -> Verification:
        async with open_container(data_dir) as container:
            async with container.database.transaction("audit_cut") as session:
                position = await cut(session)
            result = await _checked(container.database, position, as_json=as_json or file is None)
            if file is not None and result.holds and result.checkpoint is not None:
                document = result.checkpoint.model_dump_json(indent=2) + "\n"
                await asyncio.to_thread(file.write_text, document, encoding="utf-8")
            return result

    result = run(command, as_json=as_json)
    if not result.holds or result.checkpoint is None:
        _show_broken(result, as_json=as_json)
        raise typer.Exit(int(Exit.AUDIT_BROKEN))
    if as_json or file is None:
        print_json(result.checkpoint.model_dump(mode="json"))
    else:
        entries = result.checkpoint.entries
        out.print(f"Punto de control de {entries} entradas en {file}", soft_wrap=True)


async def _checked(database: Database, position: int, *, as_json: bool) -> Verification:
    async with database.reading() as session, _progress(as_json=as_json) as progress:
        task = progress.add_task("Comprobando la auditoría", total=None, entries=0)
        return await verify_audit(
            session, position, lambda entries: progress.update(task, entries=entries)
        )


@asynccontextmanager
async def _progress(*, as_json: bool) -> AsyncGenerator[Progress]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}: {task.fields[entries]} entradas"),
        TimeElapsedColumn(),
    )
    shown = out.is_terminal and not as_json
    with Progress(*columns, console=out, transient=True, disable=not shown) as progress:
        yield progress


def _read_checkpoint(file: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CliError: the file cannot be read, or is none.
    """
    try:
        return Checkpoint.model_validate_json(file.read_bytes())
    except OSError as error:
        raise CliError(Exit.USAGE, f"No se puede leer {file}: {error.strerror}") from None
    except ValidationError:
        raise CliError(Exit.USAGE, f"{file} no es un punto de control de la auditoría") from None


def _agree(kept: Checkpoint | None, found: Checkpoint | None) -> bool | None:
    """Return whether the trail up to the cut is what was kept; None without a checkpoint."""
    if kept is None or found is None:
        return None
    return kept.digest == found.digest and kept.entries == found.entries


def _document(result: Verification) -> dict[str, Any]:
    return {
        "integra": result.holds,
        "entradas": result.entries,
        "cadenas": result.chains,
        "cadenas_rotas": result.broken_chains,
        "roturas": [
            {"cadena": found.chain, "secuencia": found.seq, "motivo": found.fault.value}
            for found in result.breaks
        ],
    }


def _show(result: Verification, kept: Checkpoint | None, *, agrees: bool | None) -> None:
    if not result.holds:
        _show_broken(result, as_json=False)
    if kept is not None and not agrees:
        out.print(
            f"✗ La auditoría hasta {local_time(kept.at)} no es la del punto de control: "
            f"tenía {kept.entries} entradas",
            style="red",
            soft_wrap=True,
        )
    if result.holds and agrees is not False:
        as_kept = ", y coincide con el punto de control" if agrees else ""
        counted = f"{result.entries} entradas en {result.chains} cadenas"
        out.print(f"✓ Auditoría íntegra: {counted}{as_kept}", style="green", highlight=False)


def _show_broken(result: Verification, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(result))
        return
    for found in result.breaks:
        out.print(_sentence(found), style="red", soft_wrap=True, markup=False, highlight=False)
    counted = f"{result.broken_chains} de {result.chains} cadenas"
    out.print(f"✗ La auditoría no es íntegra: {counted}", style="red", highlight=False)


def _sentence(found: Break) -> str:
    return f"✗ Cadena {safe(found.chain)}: la entrada {found.seq} {_FAULTS[found.fault]}"
