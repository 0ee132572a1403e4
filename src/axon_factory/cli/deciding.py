"""What commands share that decide about an order, and the JSON documents that they read."""

import asyncio
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from pydantic import BaseModel

from axon_factory.cli.context import (
    CliError,
    Exit,
    local_principal,
    open_container,
    out,
    print_json,
    record,
    run,
    writing,
)
from axon_factory.db.tables import Order
from axon_factory.domain.audit import Fact
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.permissions import Action
from axon_factory.domain.states import PlanStatus
from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import PlanReference
from axon_factory.orders.plans.versions import find_plan
from axon_factory.orders.read import lock_order, read_order
from axon_factory.orders.requests import LongText, validated
from axon_factory.ports.product import SecretBox

STDIN = "-"
"""Names standard input where a file is named."""


def read_document(file: str) -> Mapping[str, Any]:
    """Return the JSON object in `file`.

    Raises:
        CliError: it cannot be read, or is none.
    """
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise CliError(Exit.USAGE, f"No se puede leer {file}: {error.strerror}") from None
    try:
        document: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        cause = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise CliError(Exit.REFUSED, f"El archivo {file} no es JSON válido{cause}") from None
    if not isinstance(document, dict):
        raise CliError(Exit.REFUSED, f"El archivo {file} debe contener un objeto JSON")
    return cast("Mapping[str, Any]", document)


_USUAL_EDITOR = "vi"


async def edit_document(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `document` as it is saved in $VISUAL or $EDITOR; the file is gone afterwards.

    Raises:
        CliError: the editor cannot be started or fails, or leaves no JSON object.
    """
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _USUAL_EDITOR
    with tempfile.TemporaryDirectory(prefix="axon-") as folder:
        file = Path(folder) / "plan.json"
        text = json.dumps(document, ensure_ascii=False, indent=2)
        file.write_text(f"{text}\n", encoding="utf-8")
        try:
            editor = await asyncio.create_subprocess_exec(*shlex.split(chosen), str(file))
        except (OSError, ValueError) as error:
            raise CliError(
                Exit.USAGE, f"No se puede abrir el editor '{chosen}' ({error}): define EDITOR"
            ) from None
        if await editor.wait() != 0:
            raise CliError(Exit.REFUSED, f"El editor '{chosen}' falló: no se cambió nada")
        return read_document(str(file))


Reference = Annotated[str, typer.Argument(metavar="ID", help="The order's number or id.")]
VersionOption = Annotated[int | None, typer.Option(help="The version that you read.")]
HashOption = Annotated[str | None, typer.Option(help="The hash that you read.")]
ReasonOption = Annotated[str, typer.Option(help="Why: it is kept with the order.")]


@dataclass(frozen=True, slots=True)
class Deciding:
    """A decision about a locked order, in its transaction."""

    change: Change
    box: SecretBox
    facts: dict[str, Fact] = field(default_factory=dict[str, Fact])
    """Details for the audit trail, filled by the decision."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order and the plan that waits in it; `flags` are what to look at."""

    order: Order
    reference: PlanReference
    flags: Sequence[Mapping[str, Any]]


Decision = Callable[[Deciding], Awaitable[Mapping[str, Any] | None]]


class _Said(BaseModel):
    text: LongText


def checked_text(name: str, text: str) -> str:
    """Return what was said as `name`: a reason, a question.

    Raises:
        ValidationFailed: it is none, or too long.
    """
    try:
        return validated(_Said, {"text": text}).text
    except ValidationFailed as error:
        raise ValidationFailed({name: error.details["text"]}) from error


def decide(
    reference: str,
    action: Action,
    decision: Decision,
    sentence: str,
    *,
    data_dir: Path | None,
    as_json: bool,
    erased: bool = False,
) -> None:
    """Make a decision, record it on the audit trail, and say `sentence`.

    What the decision returns is added to the JSON. `erased`: also about an erased order.
    """

    async def command() -> tuple[Order, Mapping[str, Any]]:
        principal = local_principal()
        async with writing(data_dir, "decide") as (container, session):
            order = await lock_order(session, reference, principal, erased=erased)
            now = datetime.now(UTC)
            change = Change(session, order, principal.actor, container.policy, now)
            deciding = Deciding(change, container.secret_box)
            more = await decision(deciding)
            await record(session, action, order_id=order.id, details=deciding.facts)
            return order, more or {}

    order, more = run(command, as_json=as_json)
    if as_json:
        print_json({**_document(order, sentence), **more})
    else:
        out.print(f"{sentence}: {order.order_number} está en '{order.estado}'", highlight=False)


def given_plan(version: int | None, digest: str | None) -> PlanReference | None:
    """Return the plan that the command line names, None if it names none.

    Raises:
        CliError: it says only half of it.
    """
    if (version is None) != (digest is None):
        raise CliError(Exit.USAGE, "--plan-version y --plan-hash van juntos")
    return PlanReference(version, digest) if version is not None and digest is not None else None


async def read_waiting(reference: str, data_dir: Path | None) -> Waiting:
    """Return the order and the plan that waits.

    Raises:
        CliError: none waits.
    """
    async with open_container(data_dir) as container, container.database.reading() as session:
        order = await read_order(session, reference, local_principal())
        plan = await find_plan(session, order, order.plan_version)
    if order.plan_estado != PlanStatus.PENDIENTE_APROBACION or order.plan_hash is None:
        raise CliError(
            Exit.REFUSED, f"Ningún plan espera aprobación en la orden {order.order_number}"
        )
    flags = plan.flags if plan else ()
    return Waiting(order, PlanReference(order.plan_version, order.plan_hash), flags)


async def refuse_question(*, as_json: bool) -> None:
    """Refuse to ask where a script reads the answer.

    Raises:
        CliError: JSON was asked for.
    """
    if as_json:
        raise CliError(Exit.USAGE, "Con --json no se pregunta: añade --yes")


def _document(order: Order, message: str) -> dict[str, Any]:
    return {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "estado": order.estado,
        "plan_estado": order.plan_estado,
        "intento": order.intento,
        "message": message,
    }
