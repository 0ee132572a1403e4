"""What people decide about an order: plan, cancel, retry, reveal (resolutions 23, 28)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from axon_factory.cli.context import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    local_principal,
    out,
    print_json,
    record,
    run,
    writing,
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
from axon_factory.cli.render import facts, render_plan
from axon_factory.db.tables import Order
from axon_factory.domain.permissions import Action
from axon_factory.domain.text import timestamp
from axon_factory.orders.change import Change
from axon_factory.orders.credentials import (
    ROTATABLE,
    reveal_credentials,
    rotate_credentials,
)
from axon_factory.orders.erasure import erase_order, require_number
from axon_factory.orders.moves import cancel_order, retry_order
from axon_factory.orders.plans.decisions import PlanReference, approve_plan, reject_plan
from axon_factory.orders.read import lock_order
from axon_factory.orders.reviewing import accept_for_person

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def register(group: typer.Typer) -> None:
    """Add the commands to `axon orders`."""
    for command in (approve, reject, accept, cancel, retry, reveal):
        group.command(command.__name__)(command)
    group.command("rotate-credentials")(rotate)
    group.command("erase")(erase)


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
        await approve_plan(by.change, plan=plan)

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
        await reject_plan(by.change, reason=told, plan=plan)

    decide(
        reference,
        Action.DECIDE_PLAN,
        decision,
        "Plan rechazado",
        data_dir=data_dir,
        as_json=as_json,
    )


def accept(
    *,
    reference: Reference,
    reason: ReasonOption,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept a product under review on your own word; what was not proven goes on record.

    The client reads that the team accepted it, and not that the council approved it.

    Example: axon orders accept ORD-2025-001 --reason "Lo probé con el cliente"
    """

    async def decision(by: Deciding) -> None:
        told = checked_text("reason", reason)
        await accept_for_person(by.change, reason=told)

    decide(
        reference,
        Action.ACCEPT_PRODUCT,
        decision,
        "Producto aceptado",
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
        await cancel_order(by.change, reason=told)

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
        await retry_order(by.change)

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
        async with writing(data_dir, "reveal") as (container, session):
            order = await lock_order(session, reference, principal)
            box, now = container.secret_box, datetime.now(UTC)
            values = await reveal_credentials(
                Change(session, order, principal.actor, container.policy, now), box
            )
            await record(session, Action.REVEAL_CREDENTIALS, order_id=order.id)
        # Only now, after the commit: shown without a record is impossible.
        return order, values

    order, values = run(command, as_json=as_json)
    if as_json:
        print_json({"order_id": str(order.id), "credentials": dict(values)})
    else:
        out.print(facts(values))


def rotate(
    *,
    reference: Reference,
    name: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(ROTATABLE)}; repeatable.")
    ] = None,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace the delivered credentials; the product restarts with new ones and keeps its data.

    Without --name all secrets are replaced. Show the new ones with `axon orders reveal`.

    Example: axon orders rotate-credentials ORD-2025-001 --name api_key
    """
    names = name or []

    async def checked() -> None:
        unknown = sorted(set(names) - set(ROTATABLE))
        if unknown:
            raise CliError(
                Exit.USAGE, f"--name no válido: {unknown[0]}. Opciones: {', '.join(ROTATABLE)}"
            )
        if not yes:
            await refuse_question(as_json=as_json)

    run(checked, as_json=as_json)
    if not yes:
        typer.confirm("Las credenciales actuales dejan de servir. ¿Rotarlas ahora?", abort=True)

    async def decision(by: Deciding) -> Mapping[str, object]:
        chosen = await rotate_credentials(by.change, names, by.box)
        return {"credenciales": list(chosen)}

    decide(
        reference,
        Action.ROTATE_CREDENTIALS,
        decision,
        "El producto se reinicia con credenciales nuevas",
        data_dir=data_dir,
        as_json=as_json,
    )


def erase(
    *,
    reference: Reference,
    reason: ReasonOption,
    product: Annotated[
        bool, typer.Option("--product", help="Erase the product, its data and its code too.")
    ] = False,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase the personal data of an order that has ended. There is no way back.

    Number, type, price and times stay. You are asked for the order's number.

    Example: axon orders erase ORD-2025-001 --reason "Solicitud del titular" --product
    """
    number: str | None = None
    if not yes:
        run(lambda: refuse_question(as_json=as_json), as_json=as_json)
        number = typer.prompt("Se borran sus datos personales. Escribe el número de la orden")

    async def decision(by: Deciding) -> Mapping[str, object]:
        require_number(
            by.change.order, by.change.order.order_number if number is None else number, "orden"
        )
        told = checked_text("reason", reason)
        done = await erase_order(by.change, reason=told, product=product)
        by.facts.update(done.facts if done else {}, producto=product)
        pending = by.change.order.erasure_pending
        return {"borrado_at": timestamp(by.change.order.borrado_at), "borrado_pendiente": pending}

    decide(
        reference,
        Action.ERASE_ORDER,
        decision,
        "Datos personales borrados",
        data_dir=data_dir,
        as_json=as_json,
        erased=True,
    )


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
