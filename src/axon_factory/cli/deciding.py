"""What commands share by which people decide about an order."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from axon_factory.cli.context import (
    local_principal,
    open_factory,
    out,
    print_json,
    run,
)
from axon_factory.cli.exits import CliError, Exit
from axon_factory.cli.recording import record
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
from axon_factory.ports.secret_box import SecretBox

__all__ = [
    "Deciding",
    "HashOption",
    "ReasonOption",
    "Reference",
    "VersionOption",
    "Waiting",
    "checked_text",
    "decide",
    "given_plan",
    "read_waiting",
    "refuse_question",
]

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
        async with (
            open_factory(data_dir) as factory,
            factory.database.transaction("decide") as session,
        ):
            order = await lock_order(session, reference, principal, erased=erased)
            now = datetime.now(UTC)
            change = Change(session, order, principal.actor, factory.policy, now)
            deciding = Deciding(change, factory.secret_box)
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
    async with open_factory(data_dir) as factory, factory.database.reading() as session:
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
