"""What commands share that decide about an order, and the JSON documents that they read."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from axon_factory.cli.client import Factory, Json
from axon_factory.cli.terminal import CliError, Exit, print_json, said, say

STDIN = "-"
"""Names standard input where a file is named."""

Reference = Annotated[str, typer.Argument(metavar="ID", help="The order's number or id.")]
VersionOption = Annotated[int | None, typer.Option(help="The version that you read.")]
HashOption = Annotated[str | None, typer.Option(help="The hash that you read.")]
ReasonOption = Annotated[str, typer.Option(help="Why: it is kept with the order.")]

_USUAL_EDITOR = "vi"
_PLAN_FIELDS = "id,order_number,estado,plan,plan_estado,plan_version,plan_hash,precio,moneda"


def read_document(file: str) -> Mapping[str, Any]:
    """Return the JSON object in `file`.

    Raises:
        CliError: it cannot be read, or is none.
    """
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise CliError(
            Exit.USAGE,
            said(
                f"No se puede leer {file}: {error.strerror}",
                f"{file} cannot be read: {error.strerror}",
            ),
        ) from None
    try:
        document: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        cause = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise CliError(
            Exit.REFUSED,
            said(
                f"El archivo {file} no es JSON válido{cause}",
                f"The file {file} is not valid JSON{cause}",
            ),
        ) from None
    if not isinstance(document, dict):
        raise CliError(
            Exit.REFUSED,
            said(
                f"El archivo {file} debe contener un objeto JSON",
                f"The file {file} must contain a JSON object",
            ),
        )
    return cast("Mapping[str, Any]", document)


def edit_document(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `document` as it is saved in $VISUAL or $EDITOR; the file is gone afterwards.

    Raises:
        CliError: the editor cannot be started or fails, or leaves no JSON object.
    """
    import os  # noqa: PLC0415 — only this command starts a program, and modules cost each command
    import shlex  # noqa: PLC0415 — the same
    import subprocess  # noqa: PLC0415 — the same
    import tempfile  # noqa: PLC0415 — the same

    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _USUAL_EDITOR
    with tempfile.TemporaryDirectory(prefix="axon-") as folder:
        file = Path(folder) / "plan.json"
        text = json.dumps(document, ensure_ascii=False, indent=2)
        file.write_text(f"{text}\n", encoding="utf-8")
        try:
            ended = subprocess.run([*shlex.split(chosen), str(file)], check=False)  # noqa: S603 — the user's own choice
        except (OSError, ValueError) as error:
            raise CliError(
                Exit.USAGE,
                said(
                    f"No se puede abrir el editor '{chosen}' ({error}): define EDITOR",
                    f"The editor '{chosen}' cannot be opened ({error}): set EDITOR",
                ),
            ) from None
        if ended.returncode != 0:
            raise CliError(
                Exit.REFUSED,
                said(
                    f"El editor '{chosen}' falló: no se cambió nada",
                    f"The editor '{chosen}' failed: nothing was changed",
                ),
            )
        return read_document(str(file))


def show_decision(document: Mapping[str, Any], *, as_json: bool) -> None:
    """Say what the API answers to a decision: its sentence, and the order's state."""
    if as_json:
        print_json(document)
        return
    number, state = document["order_number"], document["estado"]
    say(
        f"{document['message']}: "
        + said(f"{number} está en '{state}'", f"{number} is in '{state}'")
    )


def given_plan(version: int | None, digest: str | None) -> Json | None:
    """Return the plan that the command line names as the API takes it, None if it names none.

    Raises:
        CliError: it says only half of it.
    """
    if (version is None) != (digest is None):
        raise CliError(
            Exit.USAGE,
            said(
                "--plan-version y --plan-hash van juntos",
                "--plan-version and --plan-hash go together",
            ),
        )
    return None if version is None else {"plan_version": version, "plan_hash": digest}


def read_waiting(factory: Factory, reference: str) -> tuple[Json, Json]:
    """Return the order, and the plan that waits in it as decisions name it.

    Raises:
        CliError: none waits.
    """
    order = factory.get("orders", reference, query={"fields": _PLAN_FIELDS})
    if order["plan_estado"] != "pendiente_aprobacion" or order["plan_hash"] is None:
        number = order["order_number"]
        raise CliError(
            Exit.REFUSED,
            said(
                f"Ningún plan espera aprobación en la orden {number}",
                f"No plan waits for approval in order {number}",
            ),
        )
    return order, {"plan_version": order["plan_version"], "plan_hash": order["plan_hash"]}
