"""What people decide about an order: plan, cancel, retry, reveal (resolutions 23, 28)."""

from typing import Annotated, Any

import typer

from axon_factory.cli import plans
from axon_factory.cli.client import Factory
from axon_factory.cli.deciding import (
    HashOption,
    ReasonOption,
    Reference,
    VersionOption,
    given_plan,
    read_waiting,
    show_decision,
)
from axon_factory.cli.render import render_plan
from axon_factory.cli.tables import facts
from axon_factory.cli.terminal import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    YesOption,
    ask,
    confirm,
    print_json,
    refuse_question,
    said,
    say,
)

_ROTATABLE = ("admin_password_temporal", "api_key", "webhook_secret")


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
    plan = given_plan(plan_version, plan_hash)
    if plan is None and not yes:
        refuse_question(as_json=as_json)
    factory = Factory(data_dir)
    if plan is None:
        order, plan = read_waiting(factory, reference)
        if not as_json:
            say(*render_plan(order, plans.flags_of(factory, order)))
        if not yes:
            version = order["plan_version"]
            confirm(said(f"¿Aprobar el plan v{version}?", f"Approve plan v{version}?"))
    show_decision(factory.post("orders", reference, "approve", body=plan), as_json=as_json)


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
    plan = given_plan(plan_version, plan_hash)
    factory = Factory(data_dir)
    body = {**(plan or read_waiting(factory, reference)[1]), "motivo": reason}
    show_decision(factory.post("orders", reference, "reject", body=body), as_json=as_json)


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
    answer = Factory(data_dir).post("orders", reference, "accept", body={"motivo": reason})
    show_decision(answer, as_json=as_json)


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
    answer = Factory(data_dir).post("orders", reference, "cancel", body={"motivo": reason})
    show_decision(answer, as_json=as_json)


def retry(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Retry a failed order from the step that failed, or one that waits for the machine, now.

    Example: axon orders retry ORD-2025-001
    """
    show_decision(Factory(data_dir).post("orders", reference, "retry"), as_json=as_json)


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
        refuse_question(as_json=as_json)
        confirm(
            said(
                "Las credenciales se muestran una sola vez. ¿Mostrarlas ahora?",
                "The credentials are shown once only. Show them now?",
            )
        )
    document = Factory(data_dir).post("orders", reference, "credentials", "reveal")
    if as_json:
        print_json(document)
    else:
        say(*facts(document["credentials"]))


def rotate(
    *,
    reference: Reference,
    name: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(_ROTATABLE)}; repeatable.")
    ] = None,
    yes: YesOption = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace the delivered credentials; the product restarts with new ones and keeps its data.

    Without --name all secrets are replaced. Show the new ones with `axon orders reveal`.

    Example: axon orders rotate-credentials ORD-2025-001 --name api_key
    """
    unknown = sorted(set(name or ()) - set(_ROTATABLE))
    if unknown:
        options = ", ".join(_ROTATABLE)
        raise CliError(
            Exit.USAGE,
            said(
                f"--name no válido: {unknown[0]}. Opciones: {options}",
                f"--name is not valid: {unknown[0]}. One of: {options}",
            ),
        )
    if not yes:
        refuse_question(as_json=as_json)
        confirm(
            said(
                "Las credenciales actuales dejan de servir. ¿Rotarlas ahora?",
                "The present credentials serve no more. Rotate them now?",
            )
        )
    body: dict[str, Any] = {"nombres": name} if name else {}
    answer = Factory(data_dir).post("orders", reference, "credentials", "rotate", body=body)
    show_decision(answer, as_json=as_json)


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
    if not yes:
        refuse_question(as_json=as_json)
    factory = Factory(data_dir)
    if yes:
        number = factory.get("orders", reference, query={"fields": "order_number"})["order_number"]
    else:
        number = ask(
            said(
                "Se borran sus datos personales. Escribe el número de la orden",
                "Its personal data are erased. Type the order's number",
            )
        )
    body = {"motivo": reason, "orden": number, "producto": product}
    show_decision(factory.post("orders", reference, "erase", body=body), as_json=as_json)
