"""`axon orders questions|answer|correct|mails|links`: an order's client, and what reaches them."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

import typer

from axon_factory.cli.client import Factory
from axon_factory.cli.deciding import Reference, read_document
from axon_factory.cli.tables import NOTHING, Styled, Table, facts, local_time, safe
from axon_factory.cli.terminal import (
    CliError,
    DataDirOption,
    Exit,
    JsonOption,
    paint,
    print_json,
    said,
    say,
)

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

    body = _body(file, options)
    order = Factory(data_dir).ask("PATCH", "orders", reference, body=body)
    if as_json:
        print_json(order)
    else:
        number = order["order_number"]
        say(said(f"Orden {number} corregida", f"Order {number} was corrected"))


def mails(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show which mails the client was sent, and how each delivery went.

    Example: axon orders mails ORD-2025-001
    """
    document = Factory(data_dir).get("orders", reference, "client-mails")
    if as_json:
        print_json(document)
        return
    rows = Table(
        *("Correo", "A", "Asunto", "Entrega", "Escrito", "Último error"),
        drop=("Asunto", "Último error", "Escrito"),
    )
    for mail in document["correos"]:
        shown = (mail[name] for name in ("correo", "destinatario", "asunto", "estado"))
        rows.add(*shown, local_time(mail["created_at"]), mail["ultimo_error"] or NOTHING)
    say(*rows.lines())


def _body(file: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file's document with the options over it.

    Raises:
        CliError: there is nothing to correct, or the file corrects something else.
    """
    body = dict(read_document(file)) if file is not None else {}
    unknown = ", ".join(sorted(body.keys() - _CORRECTED))
    if unknown:
        known = ", ".join(sorted(_CORRECTED))
        raise CliError(
            Exit.USAGE,
            said(
                f"El archivo solo admite {known}; tiene {unknown}",
                f"The file takes {known} only; it has {unknown}",
            ),
        )
    told = body.get("datos_cliente")
    merged = {**body, **options}
    if isinstance(told, Mapping) and "datos_cliente" in options:
        known = cast("Mapping[str, Any]", told)
        merged["datos_cliente"] = {**known, **options["datos_cliente"]}
    if not merged:
        raise CliError(
            Exit.USAGE,
            said(
                "No hay nada que corregir: da una opción o --file",
                "There is nothing to correct: give an option or --file",
            ),
        )
    return merged


@_links.command("list")
def list_links(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """List the links that an order has had; the one that serves is shown whole.

    Example: axon orders links list ORD-2025-001
    """
    document = Factory(data_dir).get("orders", reference, "portal-links")
    if as_json:
        print_json(document)
        return
    rows = Table(
        *("N.º", "Estado", "Motivo", "Emitido", "Vence", "Revocado"),
        drop=("Motivo", "Emitido", "Revocado", "Vence"),
    )
    for link in document["enlaces"]:
        times = (local_time(link[name]) for name in ("created_at", "vence_at", "revocado_at"))
        rows.add(link["numero"], link["estado"], link["motivo"], *times)
    say(*rows.lines(), *(link["url"] for link in document["enlaces"] if link["url"]))


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
    document = Factory(data_dir).post("orders", reference, "portal-links", body={"enviar": mail})
    if as_json:
        print_json(document)
        return
    number = document["numero"]
    told = said(
        f"Enlace {number}; el anterior ya no sirve:",
        f"Link {number}; the one before serves no more:",
    )
    say(told, document["url"])


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
    document = Factory(data_dir).ask("DELETE", "orders", reference, "portal-links", str(number))
    if as_json:
        print_json(document)
    else:
        say(said(f"Enlace {number}: {document['estado']}", f"Link {number}: {document['estado']}"))


def questions(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show what was asked about an order, and the answers.

    Example: axon orders questions ORD-2025-001
    """
    document = Factory(data_dir).get("orders", reference, "preguntas")
    if as_json:
        print_json(document)
        return
    if not document["preguntas"]:
        say(
            said(
                f"Nadie ha preguntado nada sobre {safe(reference)}",
                f"Nothing was asked about {safe(reference)}",
            )
        )
    for question in document["preguntas"]:
        say(*_rendered(question))


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
    path = ("orders", reference, "preguntas", str(number), "respuesta")
    question = Factory(data_dir).post(*path, body={"respuesta": text})
    if as_json:
        print_json(question)
    else:
        about = safe(reference)
        say(
            said(
                f"Pregunta {number} de {about} respondida", f"Question {number} of {about} answered"
            )
        )


def _rendered(question: Mapping[str, Any]) -> list[str]:
    title = paint(f"{question['numero']}. {safe(question['pregunta'])}", "bold")
    rows: dict[str, object] = {
        "Para": question["destinatario"],
        "De": f"{question['preguntado_por']}, {local_time(question['preguntado_at'])}",
    }
    if question.get("opciones"):
        rows["Opciones"] = "; ".join(question["opciones"])
    rows["Respuesta"] = _answer_of(question)
    return [title, *facts(rows)]


def _answer_of(question: Mapping[str, Any]) -> Styled:
    if question["respuesta"] is not None:
        when = local_time(question["respondido_at"])
        said_by = safe(question["respondido_por"])
        return Styled(f"{safe(question['respuesta'])}  ({said_by}, {when})", "green")
    if question["cerrada_at"] is not None:
        return Styled(f"se cerró sin respuesta, {local_time(question['cerrada_at'])}", "dim")
    waits = "pendiente; la orden la espera" if question["bloquea"] else "pendiente"
    return Styled(waits, "yellow")
