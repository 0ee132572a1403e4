"""What people decide about an order: plan, cancel, retry, reveal (resolutions 23, 28)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    local_principal,
    open_factory,
    out,
    print_json,
    run,
)
from axon_factory.cli.exits import CliError, Exit
from axon_factory.cli.recording import record
from axon_factory.cli.render import facts, render_plan
from axon_factory.db.tables import Order
from axon_factory.domain.permissions import Action
from axon_factory.domain.states import Actor, PlanStatus
from axon_factory.orders.approval import PlanReference, approve_plan, reject_plan
from axon_factory.orders.cancel import cancel_order
from axon_factory.orders.credentials import mark_revealed, open_credentials
from axon_factory.orders.locking import lock_order
from axon_factory.orders.read import read_order
from axon_factory.orders.requests import LongText, validated
from axon_factory.orders.retry import retry_order

__all__ = ["Reference", "register"]

Reference = Annotated[str, typer.Argument(metavar="ID", help="The order's number or id.")]
ReasonOption = Annotated[str, typer.Option(help="Why: it is kept with the order.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

Decision = Callable[[AsyncSession, Order, Actor, datetime], Awaitable[object]]


class _Reason(BaseModel):
    reason: LongText


def register(group: typer.Typer) -> None:
    """Add the commands to `axon orders`."""
    for command in (approve, reject, cancel, retry, reveal):
        group.command(command.__name__)(command)


def approve(
    *,
    reference: Reference,
    plan_version: Annotated[int | None, typer.Option(help="The version that you read.")] = None,
    plan_hash: Annotated[str | None, typer.Option(help="The hash that you read.")] = None,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve the plan that waits; construction begins.

    Without version and hash the plan is shown first and you are asked. The approval holds for
    the plan that was shown and for no other.

    Example: axon orders approve ORD-2025-001
    """
    plan = run(lambda: _given_plan(plan_version, plan_hash), as_json=as_json)
    if plan is None:
        plan = _shown_plan(reference, data_dir, ask=not yes, as_json=as_json)

    async def decide(session: AsyncSession, order: Order, actor: Actor, now: datetime) -> None:
        await approve_plan(session, order, actor=actor, now=now, plan=plan)

    _decide(
        reference,
        Action.DECIDE_PLAN,
        decide,
        "Plan aprobado",
        data_dir=data_dir,
        as_json=as_json,
    )


def reject(
    *,
    reference: Reference,
    reason: ReasonOption,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject the plan that waits; another one is made that answers the reason.

    Example: axon orders reject ORD-2025-001 --reason "Falta la integración con Stripe"
    """

    async def decide(session: AsyncSession, order: Order, actor: Actor, now: datetime) -> None:
        await reject_plan(session, order, actor=actor, now=now, reason=_checked_reason(reason))

    _decide(
        reference,
        Action.DECIDE_PLAN,
        decide,
        "Plan rechazado",
        data_dir=data_dir,
        as_json=as_json,
    )


def cancel(
    *,
    reference: Reference,
    reason: ReasonOption,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel an order that is not delivered yet; what runs for it is stopped.

    Example: axon orders cancel ORD-2025-001 --reason "El cliente desistió"
    """

    async def decide(session: AsyncSession, order: Order, actor: Actor, now: datetime) -> None:
        await cancel_order(session, order, actor=actor, reason=_checked_reason(reason), now=now)

    _decide(
        reference,
        Action.CANCEL_ORDER,
        decide,
        "Orden cancelada",
        data_dir=data_dir,
        as_json=as_json,
    )


def retry(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Retry a failed order from the step that failed, as a new attempt.

    Example: axon orders retry ORD-2025-001
    """

    async def decide(session: AsyncSession, order: Order, actor: Actor, now: datetime) -> None:
        await retry_order(session, order, actor=actor, now=now)

    _decide(
        reference,
        Action.RETRY_ORDER,
        decide,
        "Nuevo intento en marcha",
        data_dir=data_dir,
        as_json=as_json,
    )


def reveal(
    *,
    reference: Reference,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the delivered credentials: once, and on record.

    Example: axon orders reveal ORD-2025-001
    """
    if not yes:
        run(lambda: _refuse_question(as_json=as_json), as_json=as_json)
        typer.confirm("Las credenciales se muestran una sola vez. ¿Mostrarlas ahora?", abort=True)

    async def command() -> tuple[Order, Mapping[str, str]]:
        principal = local_principal()
        async with open_factory(data_dir) as factory:
            async with factory.database.reading() as session:
                order = await read_order(session, reference, principal)
                values = await open_credentials(session, order, factory.secret_box)
            async with factory.database.transaction("reveal") as session:
                order = await lock_order(session, reference, principal)
                await mark_revealed(session, order, principal, datetime.now(UTC))
                await record(session, Action.REVEAL_CREDENTIALS, order_id=order.id)
        # Only now, after the commit: shown without a record is impossible.
        return order, values

    order, values = run(command, as_json=as_json)
    if as_json:
        print_json({"order_id": str(order.id), "credentials": dict(values)})
    else:
        out.print(facts(values))


def _decide(
    reference: str,
    action: Action,
    decision: Decision,
    sentence: str,
    *,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    async def command() -> Order:
        principal = local_principal()
        async with (
            open_factory(data_dir) as factory,
            factory.database.transaction("decide") as session,
        ):
            order = await lock_order(session, reference, principal)
            await decision(session, order, principal.actor, datetime.now(UTC))
            await record(session, action, order_id=order.id)
            return order

    order = run(command, as_json=as_json)
    if as_json:
        print_json(_document(order, sentence))
    else:
        out.print(f"{sentence}: {order.order_number} está en '{order.estado}'", highlight=False)


async def _given_plan(version: int | None, digest: str | None) -> PlanReference | None:
    if (version is None) != (digest is None):
        raise CliError(Exit.USAGE, "--plan-version y --plan-hash van juntos")
    return PlanReference(version, digest) if version is not None and digest is not None else None


def _shown_plan(
    reference: str, data_dir: Path | None, *, ask: bool, as_json: bool
) -> PlanReference:
    """Show the plan that waits and return it.

    Raises:
        typer.Exit: none waits.
        typer.Abort: the answer to the question was no.
    """

    async def command() -> tuple[Order, PlanReference]:
        if ask:
            await _refuse_question(as_json=as_json)
        async with open_factory(data_dir) as factory, factory.database.reading() as session:
            order = await read_order(session, reference, local_principal())
        if order.plan_estado != PlanStatus.PENDIENTE_APROBACION or order.plan_hash is None:
            raise CliError(
                Exit.REFUSED, f"Ningún plan espera aprobación en la orden {order.order_number}"
            )
        return order, PlanReference(order.plan_version, order.plan_hash)

    order, plan = run(command, as_json=as_json)
    if not as_json:
        out.print(render_plan(order))
    if ask:
        typer.confirm(f"¿Aprobar el plan v{plan.version}?", abort=True)
    return plan


async def _refuse_question(*, as_json: bool) -> None:
    if as_json:
        raise CliError(Exit.USAGE, "Con --json no se pregunta: añade --yes")


def _checked_reason(reason: str) -> str:
    return validated(_Reason, {"reason": reason}).reason


def _document(order: Order, message: str) -> dict[str, Any]:
    return {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "estado": order.estado,
        "plan_estado": order.plan_estado,
        "intento": order.intento,
        "message": message,
    }
