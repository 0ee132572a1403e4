"""What people decide about an order: plan, cancel, retry, reveal (resolutions 23, 28)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    local_principal,
    open_factory,
    out,
    print_json,
    run,
)
from axon_factory.cli.deciding import (
    Deciding,
    HashOption,
    ReasonOption,
    Reference,
    VersionOption,
    Waiting,
    checked_text,
    decide,
    given_plan,
    read_waiting,
    refuse_question,
)
from axon_factory.cli.recording import record
from axon_factory.cli.render import facts, render_plan
from axon_factory.db.tables import Order
from axon_factory.domain.permissions import Action
from axon_factory.orders.approval import PlanReference, approve_plan, reject_plan
from axon_factory.orders.cancel import cancel_order
from axon_factory.orders.credentials import mark_revealed, open_credentials
from axon_factory.orders.locking import lock_order
from axon_factory.orders.read import read_order
from axon_factory.orders.retry import retry_order

__all__ = ["Reference", "register"]

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def register(group: typer.Typer) -> None:
    """Add the commands to `axon orders`."""
    for command in (approve, reject, cancel, retry, reveal):
        group.command(command.__name__)(command)


def approve(
    *,
    reference: Reference,
    plan_version: VersionOption = None,
    plan_hash: HashOption = None,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve the plan that waits; construction begins.

    Without version and hash the plan is shown first and you are asked. The approval holds for
    the plan that was shown and for no other.

    Example: axon orders approve ORD-2025-001
    """

    async def named() -> PlanReference | None:
        return given_plan(plan_version, plan_hash)

    plan = run(named, as_json=as_json)
    if plan is None:
        plan = _shown_plan(reference, data_dir, ask=not yes, as_json=as_json)

    async def decision(by: Deciding) -> None:
        rules = by.policy.approval
        await approve_plan(by.session, by.order, actor=by.actor, rules=rules, now=by.now, plan=plan)

    decide(
        reference,
        Action.DECIDE_PLAN,
        decision,
        "Plan aprobado",
        data_dir=data_dir,
        as_json=as_json,
    )


def reject(
    *,
    reference: Reference,
    reason: ReasonOption,
    plan_version: VersionOption = None,
    plan_hash: HashOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject the plan that waits; another one is made that answers the reason.

    With version and hash the rejection holds for that plan and for no other.

    Example: axon orders reject ORD-2025-001 --reason "Falta la integración con Stripe"
    """

    async def decision(by: Deciding) -> None:
        told, plan = checked_text("reason", reason), given_plan(plan_version, plan_hash)
        await reject_plan(by.session, by.order, actor=by.actor, now=by.now, reason=told, plan=plan)

    decide(
        reference,
        Action.DECIDE_PLAN,
        decision,
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

    async def decision(by: Deciding) -> None:
        told = checked_text("reason", reason)
        await cancel_order(by.session, by.order, actor=by.actor, reason=told, now=by.now)

    decide(
        reference,
        Action.CANCEL_ORDER,
        decision,
        "Orden cancelada",
        data_dir=data_dir,
        as_json=as_json,
    )


def retry(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Retry a failed order from the step that failed, or one that waits for the machine, now.

    Example: axon orders retry ORD-2025-001
    """

    async def decision(by: Deciding) -> None:
        await retry_order(by.session, by.order, actor=by.actor, now=by.now)

    decide(
        reference,
        Action.RETRY_ORDER,
        decision,
        "Reintento en marcha",
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
        run(lambda: refuse_question(as_json=as_json), as_json=as_json)
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


def _shown_plan(
    reference: str, data_dir: Path | None, *, ask: bool, as_json: bool
) -> PlanReference:
    """Show the plan that waits and return it.

    Raises:
        typer.Exit: none waits.
        typer.Abort: the answer to the question was no.
    """

    async def command() -> Waiting:
        if ask:
            await refuse_question(as_json=as_json)
        return await read_waiting(reference, data_dir)

    waiting = run(command, as_json=as_json)
    if not as_json:
        out.print(render_plan(waiting.order, waiting.flags))
    if ask:
        typer.confirm(f"¿Aprobar el plan v{waiting.reference.version}?", abort=True)
    return waiting.reference
