"""`axon orders questions|answer|correct|mails|links`: an order's client, and what reaches them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import typer
from rich.console import Group, RenderableType
from rich.text import Text

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
    writing,
)
from axon_factory.cli.deciding import Reference, read_document
from axon_factory.cli.render import add_row, facts, local_time, safe, table
from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.permissions import Action
from axon_factory.orders.answers.acts import updated
from axon_factory.orders.answers.portal import link_document, links_document, mails_document
from axon_factory.orders.answers.questions import question_document, questions_document
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.client_mails import client_mails_of
from axon_factory.orders.portal_administration import (
    renew_link,
    withdraw_link,
)
from axon_factory.orders.portal_links import links_of
from axon_factory.orders.questions.asking import answer_as, questions_for
from axon_factory.orders.read import lock_order, read_order
from axon_factory.orders.requests import OrderPatch, QuestionAnswer, validated
from axon_factory.orders.update import patch_order

_links = typer.Typer(
    no_args_is_help=True,
    help="The client's links to their page: who has one sees the order and answers questions.",
)
_CORRECTED = frozenset({"datos_cliente", "nombre_producto", "cliente_id"})
_NOBODY = "-"


def register(group: typer.Typer) -> None:
    """Add the commands to `axon orders`."""
    group.command("questions")(questions)
    group.command("answer")(answer)
    group.command("correct")(correct)
    group.command("mails")(mails)
    group.add_typer(_links, name="links")


def correct(  # noqa: PLR0913 — one option for each thing that is corrected
    *,
    reference: Reference,
    name: Annotated[str | None, typer.Option(help="The client's name.")] = None,
    email: Annotated[
        str | None,
        typer.Option(help="The client's mail address; it gets a new link, the old link stops."),
    ] = None,
    phone: Annotated[str | None, typer.Option(help="Their telephone, as +525512345678.")] = None,
    industry: Annotated[str | None, typer.Option(help="Their industry.")] = None,
    country: Annotated[str | None, typer.Option(help="Their country.")] = None,
    product_name: Annotated[str | None, typer.Option(help="The product's name.")] = None,
    client_id: Annotated[
        str | None, typer.Option(help=f"Whose order it is; {_NOBODY} for nobody's.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            help="JSON with datos_cliente, nombre_producto, cliente_id, as in PATCH; - is stdin. "
            "Only the keys that it has change; null removes one."
        ),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Correct an order: the client's data, the product's name, whose order it is.

    Before construction everything may change. A new configuration withdraws the plan that waits,
    and the order is planned anew. Later the configuration stays; the rest may still change until
    the order is cancelled. The values before and after stay on the order's record, for staff.

    Example: axon orders correct ORD-2025-001 --email compras@empresa.com

    Example: echo '{"datos_cliente": {"configuracion": {"idioma": "en"}}}' |
    axon orders correct ORD-2025-001 --file -
    """
    contact = {
        "nombre": name,
        "email": email,
        "telefono": phone,
        "industria": industry,
        "pais": country,
    }
    given: dict[str, Any] = {key: value for key, value in contact.items() if value is not None}
    options: dict[str, Any] = {"datos_cliente": given} if given else {}
    if product_name is not None:
        options["nombre_producto"] = product_name
    if client_id is not None:
        options["cliente_id"] = None if client_id == _NOBODY else client_id

    async def command() -> Order:
        patch = validated(OrderPatch, _body(file, options))
        async with writing(data_dir, "patch") as (container, session):
            order = await lock_order(session, reference, local_principal())
            now = datetime.now(UTC)
            await patch_order(
                Change(session, order, local_principal().actor, container.policy, now),
                patch,
                local_principal(),
            )
            await record(session, Action.UPDATE_ORDER, order_id=order.id)
            return order

    order = run(command, as_json=as_json)
    if as_json:
        print_json(updated(order, local_principal()))
    else:
        out.print(f"Orden {order.order_number} corregida", highlight=False)


def mails(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show which mails the client was sent, and how each delivery went.

    Example: axon orders mails ORD-2025-001
    """

    async def command() -> dict[str, Any]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            order = await read_order(session, reference, local_principal())
            return mails_document(order, await client_mails_of(session, order))

    document = run(command, as_json=as_json)
    if as_json:
        print_json(document)
        return
    rows = table("Correo", "A", "Asunto", "Entrega", "Escrito", "Último error")
    for mail in document["correos"]:
        error = mail["ultimo_error"] or "—"
        add_row(
            rows,
            *(mail[name] for name in ("correo", "destinatario", "asunto", "estado", "created_at")),
            error,
        )
    out.print(rows)


def _body(file: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file's document with the options over it.

    Raises:
        CliError: there is nothing to correct, or the file corrects something else.
    """
    body = dict(read_document(file)) if file is not None else {}
    unknown = sorted(body.keys() - _CORRECTED)
    if unknown:
        raise CliError(
            Exit.USAGE,
            f"El archivo solo admite {', '.join(sorted(_CORRECTED))}; tiene {', '.join(unknown)}",
        )
    told = body.get("datos_cliente")
    merged = {**body, **options}
    if isinstance(told, Mapping) and "datos_cliente" in options:
        known = cast("Mapping[str, Any]", told)
        merged["datos_cliente"] = {**known, **options["datos_cliente"]}
    if not merged:
        raise CliError(Exit.USAGE, "No hay nada que corregir: da una opción o --file")
    return merged


@_links.command("list")
def list_links(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """List the links that an order has had; the one that serves is shown whole.

    Example: axon orders links list ORD-2025-001
    """

    async def command() -> dict[str, Any]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            order = await read_order(session, reference, local_principal())
            links = await links_of(session, order)
            return links_document(order, links, container.policy, datetime.now(UTC))

    document = run(command, as_json=as_json)
    if as_json:
        print_json(document)
        return
    rows = table("N.º", "Estado", "Motivo", "Emitido", "Vence", "Revocado")
    for link in document["enlaces"]:
        times = (link[name] or "—" for name in ("created_at", "vence_at", "revocado_at"))
        add_row(rows, str(link["numero"]), link["estado"], link["motivo"], *times)
    out.print(rows)
    for link in document["enlaces"]:
        if link["url"] is not None:
            out.print(link["url"], markup=False, highlight=False, soft_wrap=True)


@_links.command("renew")
def renew(
    *,
    reference: Reference,
    mail: Annotated[
        bool, typer.Option("--mail/--no-mail", help="Whether the client is sent the new link.")
    ] = True,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue another link, mail it to the client, and end the one before at once.

    Example: axon orders links renew ORD-2025-001
    """

    async def command() -> dict[str, Any]:
        async with writing(data_dir, "create_portal_link") as (container, session):
            order = await lock_order(session, reference, local_principal())
            policy, now, actor = container.policy, datetime.now(UTC), local_principal().actor
            link = await renew_link(Change(session, order, actor, policy, now), send=mail)
            await record(session, Action.MANAGE_PORTAL_LINKS, order_id=order.id)
            return link_document(order, link, policy, now)

    document = run(command, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        out.print(f"Enlace {document['numero']}; el anterior ya no sirve:", highlight=False)
        out.print(document["url"], markup=False, highlight=False, soft_wrap=True)


@_links.command("revoke")
def revoke(
    *,
    reference: Reference,
    number: Annotated[int, typer.Argument(metavar="N", min=1, help="The link's number.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a link with the next request; mails carry none until `renew` issues another.

    Example: axon orders links revoke ORD-2025-001 1
    """

    async def command() -> dict[str, Any]:
        async with writing(data_dir, "revoke_portal_link") as (container, session):
            order = await lock_order(session, reference, local_principal())
            now, actor = datetime.now(UTC), local_principal().actor
            link = await withdraw_link(Change(session, order, actor, container.policy, now), number)
            await record(session, Action.MANAGE_PORTAL_LINKS, order_id=order.id)
            return link_document(order, link, container.policy, now)

    document = run(command, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        out.print(f"Enlace {number}: {document['estado']}", highlight=False)


def questions(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show what was asked about an order, and the answers.

    Example: axon orders questions ORD-2025-001
    """

    async def command() -> tuple[Order, Sequence[OrderQuestion]]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            order = await read_order(session, reference, local_principal())
            return order, await questions_for(session, order, local_principal())

    order, found = run(command, as_json=as_json)
    if as_json:
        print_json(questions_document(order, found, local_principal()))
        return
    if not found:
        out.print(f"Nadie ha preguntado nada sobre {order.order_number}", highlight=False)
    for question in found:
        out.print(_rendered(question))


def answer(
    *,
    reference: Reference,
    number: Annotated[int, typer.Argument(metavar="N", min=1, help="The question's number.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The answer.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer an open question: the operator's own, or the client's on their behalf.

    Example: axon orders answer ORD-2025-001 1 "Español"
    """

    async def command() -> tuple[Order, OrderQuestion]:
        given = validated(QuestionAnswer, {"respuesta": text}).respuesta
        principal = local_principal()
        async with writing(data_dir, "answer") as (container, session):
            order = await lock_order(session, reference, principal)
            policy, now = container.policy, datetime.now(UTC)
            question = await answer_as(
                Change(session, order, principal.actor, policy, now), number, given, principal
            )
            await record(session, Action.ANSWER_QUESTION, order_id=order.id)
            return order, question

    order, question = run(command, as_json=as_json)
    if as_json:
        print_json(question_document(question, local_principal()))
    else:
        out.print(f"Pregunta {number} de {order.order_number} respondida", highlight=False)


def _rendered(question: OrderQuestion) -> RenderableType:
    title = Text(f"{question.number}. {safe(question.question)}", "bold")
    rows: dict[str, object] = {
        "Para": question.audience,
        "De": f"{question.asked_by_name}, {local_time(question.asked_at)}",
    }
    if question.options:
        rows["Opciones"] = "; ".join(question.options)
    rows["Respuesta"] = _answer_of(question)
    return Group(title, facts(rows))


def _answer_of(question: OrderQuestion) -> Text:
    if question.answer is not None:
        when = local_time(question.answered_at)
        said = f"{safe(question.answer)}  ({safe(question.answered_by_name)}, {when})"
        return Text(said, "green")
    if question.closed_at is not None:
        return Text(f"se cerró sin respuesta, {local_time(question.closed_at)}", "dim")
    return Text("pendiente; la orden la espera" if question.blocking else "pendiente", "yellow")
