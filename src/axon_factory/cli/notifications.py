"""`axon notifications`: where notifications go, and how each delivery went."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from axon_factory.cli.client import Factory
from axon_factory.cli.render import render_document
from axon_factory.cli.tables import Table
from axon_factory.cli.terminal import (
    DataDirOption,
    JsonOption,
    print_json,
    said,
    say,
)
from axon_factory.domain.messages import DeliveryState
from axon_factory.domain.notifications import NotificationKind

_group = typer.Typer(no_args_is_help=True, help="Where notifications go, and how they arrive.")

_PATH = ("notifications", "destinations")
_DELIVERIES = ("notifications", "deliveries")
_GRACE_HOURS, _MOST_GRACE_HOURS = 24, 168


class _Receiver(StrEnum):
    """The channels that a destination may have; mail needs none."""

    WEBHOOK = "webhook"
    SLACK = "slack"


DestinationId = Annotated[str, typer.Argument(help="The id that `axon notifications list` shows.")]
Events = Annotated[
    list[NotificationKind] | None,
    typer.Option("--event", help="What it is told of; repeat it. Without: everything."),
]
Clients = Annotated[
    list[str] | None,
    typer.Option("--client", help="Only of orders of this client (cliente_id); repeat it."),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", help="Only of orders that have this tag; repeated, all of them."),
]


def register(app: typer.Typer) -> None:
    """Add the group to the program."""
    app.add_typer(_group, name="notifications")


@_group.command("create")
def create(
    *,
    name: Annotated[str, typer.Argument(help="What to call it.")],
    url: Annotated[str, typer.Argument(help="Its https address; kept sealed, never shown again.")],
    channel: Annotated[
        _Receiver, typer.Option(help="A signed webhook, or a chat's incoming webhook.")
    ] = _Receiver.WEBHOOK,
    event: Events = None,
    client: Clients = None,
    tag: Tags = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a destination; a webhook's signing secret is shown once.

    Example: axon notifications create crm https://crm.example/hooks --event orden.entregada
    """
    wanted = {
        "canal": channel.value,
        "nombre": name,
        "url": url,
        "eventos": [str(one) for one in event or ()],
        "clientes": client or [],
        "tags": tag or [],
    }
    _show_created(Factory(data_dir).post(*_PATH, body=wanted), renewed=False, as_json=as_json)


@_group.command("list")
def list_all(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List the destinations, inactive ones too.

    Example: axon notifications list
    """
    page = Factory(data_dir).get(*_PATH)
    if as_json:
        print_json(page)
        return
    rows = Table(
        *("Id", "Nombre", "De", "Canal", "Servidor", "Avisos", "Estado"),
        drop=("De", "Canal", "Avisos", "Servidor"),
    )
    for one in page["destinations"]:
        events = ", ".join(one["eventos"]) or "todos"
        standing = "activo" if one["activo"] else one["motivo_desactivado"] or "desactivado"
        owner = one["clave"] or "administración"
        rows.add(one["id"], one["nombre"], owner, one["canal"], one["host"], events, standing)
    say(*rows.lines())


@_group.command("show")
def show(
    *, destination_id: DestinationId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show one destination, without its address and secret.

    Example: axon notifications show 3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10
    """
    _show_document(Factory(data_dir).get(*_PATH, destination_id), as_json=as_json)


@_group.command("change")
def change(  # noqa: PLR0913 — each option is a parameter
    *,
    destination_id: DestinationId,
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    event: Events = None,
    all_events: Annotated[bool, typer.Option("--all-events", help="Tell it everything.")] = False,
    client: Clients = None,
    tag: Tags = None,
    all_orders: Annotated[
        bool, typer.Option("--all-orders", help="Whatever their client and tags.")
    ] = False,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether it is told anything.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change the name, the events or the orders of a destination, or switch it on or off.

    Example: axon notifications change 3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10 --inactive
    """
    wanted: dict[str, Any] = {"nombre": name, "activo": active}
    wanted["eventos"] = [] if all_events else [str(one) for one in event] if event else None
    wanted |= {"clientes": [], "tags": []} if all_orders else {"clientes": client, "tags": tag}
    body = {key: value for key, value in wanted.items() if value is not None}
    found = Factory(data_dir).ask("PATCH", *_PATH, destination_id, body=body)
    _show_document(found, as_json=as_json)


@_group.command("rotate")
def rotate(
    *,
    destination_id: DestinationId,
    grace_hours: Annotated[
        int,
        typer.Option(min=0, max=_MOST_GRACE_HOURS, help="Hours that the old secret signs on."),
    ] = _GRACE_HOURS,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a webhook a new secret, shown once; the old one signs too until the grace is over.

    Example: axon notifications rotate 3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10
    """
    body = {"gracia_horas": grace_hours}
    created = Factory(data_dir).post(*_PATH, destination_id, "rotate", body=body)
    _show_created(created, renewed=True, as_json=as_json)


@_group.command("delete")
def delete(
    *, destination_id: DestinationId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Forget a destination's address and secret; its deliveries stay in the log.

    Example: axon notifications delete 3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10
    """
    _show_document(Factory(data_dir).ask("DELETE", *_PATH, destination_id), as_json=as_json)


@_group.command("test")
def try_out(
    *, destination_id: DestinationId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Enqueue a test notification; `axon notifications delivery` tells how it goes.

    Example: axon notifications test 3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10
    """
    _show_document(Factory(data_dir).post(*_PATH, destination_id, "test"), as_json=as_json)


def _show_created(document: dict[str, Any], *, renewed: bool, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    name, number = document["nombre"], document["id"]
    sentence = (
        said(
            f"Destino {name} ({number}) con secreto nuevo", f"Destination {name} ({number}) renewed"
        )
        if renewed
        else said(f"Destino {name} ({number}) creado", f"Destination {name} ({number}) created")
    )
    if document["secreto"] is None:
        say(sentence)
        return
    told = said("su secreto no se muestra de nuevo", "its secret is not shown again")
    say(f"{sentence}; {told}:", document["secreto"])


DeliveryId = Annotated[
    str, typer.Argument(help="The id that `axon notifications deliveries` shows.")
]


@_group.command("deliveries")
def deliveries(
    *,
    state: Annotated[DeliveryState | None, typer.Option(help="Only these.")] = None,
    order: Annotated[str | None, typer.Option(help="Only of this order: id or number.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List mails and notifications, the newest first, and how each of them goes.

    Example: axon notifications deliveries --state abandonada
    """
    query = {"estado": state and state.value, "orden": order, "limit": limit, "cursor": cursor}
    page = Factory(data_dir).get(*_DELIVERIES, query=query)
    if as_json:
        print_json(page)
        return
    rows = Table(
        *("Id", "Estado", "Canal", "A", "Asunto", "Intentos", "Error"),
        drop=("Intentos", "Canal", "Error", "Asunto"),
    )
    for one in page["deliveries"]:
        to = one["destinatario"] or one["destino"]["nombre"]
        shown = (one["id"], one["estado"], one["canal"], to, one["asunto"], one["intentos"])
        rows.add(*shown, one["ultimo_error"] or "")
    say(*rows.lines())
    if following := page["next_cursor"]:
        say(said(f"Hay más: --cursor {following}", f"There are more: --cursor {following}"))


@_group.command("delivery")
def delivery(
    *, delivery_id: DeliveryId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show one delivery with each of its tries.

    Example: axon notifications delivery 9d2b7c44-0a5e-4f0e-8a55-6d6f0c9f3e21
    """
    _show_document(Factory(data_dir).get(*_DELIVERIES, delivery_id), as_json=as_json)


@_group.command("redeliver")
def send_again(
    *, delivery_id: DeliveryId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Send a delivery again now, under the same id, also if it had arrived.

    Example: axon notifications redeliver 9d2b7c44-0a5e-4f0e-8a55-6d6f0c9f3e21
    """
    found = Factory(data_dir).post(*_DELIVERIES, delivery_id, "redeliver")
    _show_document(found, as_json=as_json)


def _show_document(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        say(*render_document(document))
