"""`axon notifications`: where notifications go, and how each delivery went."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, cast

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.notification_views import (
    attempt_documents,
    delivery_document,
    destination_document,
)
from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    local_principal,
    open_container,
    out,
    print_json,
    record,
    run,
    writing,
)
from axon_factory.cli.render import add_row, safe, table
from axon_factory.domain.messages import Channel, DeliveryState
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Action
from axon_factory.orders.notifications.deliveries import (
    DeliveryQuery,
    attempts_of,
    delivery_id_of,
    find_delivery,
    list_deliveries,
    redeliver,
    send_test,
)
from axon_factory.orders.notifications.destinations import (
    ROTATION_GRACE,
    ROTATION_GRACE_MAX,
    CreatedDestination,
    DestinationChange,
    NewDestination,
    change_destination,
    create_destination,
    destination_id_of,
    find_destination,
    list_destinations,
    remove_destination,
    rotate_secret,
)
from axon_factory.orders.read import read_order

_group = typer.Typer(no_args_is_help=True, help="Where notifications go, and how they arrive.")

_HOUR = timedelta(hours=1)


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

    async def command() -> CreatedDestination:
        async with writing(data_dir, "create_destination") as (container, session):
            created = await create_destination(
                session,
                NewDestination(
                    Channel(channel), name, url, frozenset(event or ()), client or (), tag or ()
                ),
                box=container.secret_box,
                rules=container.outbound,
                created_by=local_principal().id,
                now=datetime.now(UTC),
            )
            await _record(session, "create_destination", f"destination:{created.destination.id}")
            return created

    _show_created(run(command, as_json=as_json), "creado", as_json=as_json)


@_group.command("list")
def list_all(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List the destinations, inactive ones too.

    Example: axon notifications list
    """

    async def command() -> list[dict[str, Any]]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            return [destination_document(one) for one in await list_destinations(session)]

    found = run(command, as_json=as_json)
    if as_json:
        print_json({"destinations": found})
        return
    rows = table("Id", "Nombre", "De", "Canal", "Servidor", "Avisos", "Estado")
    for one in found:
        events = ", ".join(one["eventos"]) or "todos"
        standing = "activo" if one["activo"] else one["motivo_desactivado"] or "desactivado"
        owner = one["clave"] or "administración"
        place = (one["canal"], one["host"], events, standing)
        add_row(rows, one["id"], one["nombre"], owner, *place)
    out.print(rows)


@_group.command("show")
def show(
    *, destination_id: DestinationId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show one destination, without its address and secret.

    Example: axon notifications show 3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10
    """

    async def command() -> dict[str, Any]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            found = await find_destination(session, destination_id_of(destination_id))
            return destination_document(found)

    _show_document(run(command, as_json=as_json), as_json=as_json)


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
    events = frozenset[NotificationKind]() if all_events else frozenset(event) if event else None
    clients, tags = ((), ()) if all_orders else (client or None, tag or None)
    wanted = DestinationChange(name, events, active, clients, tags)

    async def command() -> dict[str, Any]:
        async with writing(data_dir, "update_destination") as (_, session):
            found = await change_destination(session, destination_id_of(destination_id), wanted)
            await _record(session, "update_destination", f"destination:{found.id}")
            return destination_document(found)

    _show_document(run(command, as_json=as_json), as_json=as_json)


@_group.command("rotate")
def rotate(
    *,
    destination_id: DestinationId,
    grace_hours: Annotated[
        int,
        typer.Option(
            min=0, max=ROTATION_GRACE_MAX // _HOUR, help="Hours that the old secret signs on."
        ),
    ] = ROTATION_GRACE // _HOUR,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a webhook a new secret, shown once; the old one signs too until the grace is over.

    Example: axon notifications rotate 3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10
    """

    async def command() -> CreatedDestination:
        async with writing(data_dir, "rotate_destination") as (container, session):
            created = await rotate_secret(
                session,
                destination_id_of(destination_id),
                box=container.secret_box,
                now=datetime.now(UTC),
                grace=timedelta(hours=grace_hours),
            )
            await _record(session, "rotate_destination", f"destination:{created.destination.id}")
            return created

    _show_created(run(command, as_json=as_json), "con secreto nuevo", as_json=as_json)


@_group.command("delete")
def delete(
    *, destination_id: DestinationId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Forget a destination's address and secret; its deliveries stay in the log.

    Example: axon notifications delete 3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10
    """

    async def command() -> dict[str, Any]:
        async with writing(data_dir, "delete_destination") as (_, session):
            removed = await remove_destination(
                session, destination_id_of(destination_id), datetime.now(UTC)
            )
            await _record(session, "delete_destination", f"destination:{removed.id}")
            return destination_document(removed)

    _show_document(run(command, as_json=as_json), as_json=as_json)


@_group.command("test")
def try_out(
    *, destination_id: DestinationId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Enqueue a test notification; `axon notifications delivery` tells how it goes.

    Example: axon notifications test 3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10
    """

    async def command() -> dict[str, Any]:
        async with writing(data_dir, "test_destination") as (_, session):
            found = destination_id_of(destination_id)
            sent = await send_test(session, found, datetime.now(UTC))
            await _record(session, "test_destination", f"destination:{found}")
            return delivery_document(sent)

    _show_document(run(command, as_json=as_json), as_json=as_json)


def _show_created(created: CreatedDestination, what: str, *, as_json: bool) -> None:
    document = destination_document(created.destination)
    if as_json:
        print_json(document | {"secreto": created.secret})
        return
    sentence = f"Destino {document['nombre']} ({document['id']}) {what}"
    if created.secret is None:
        out.print(sentence, markup=False, highlight=False)
        return
    out.print(f"{sentence}; su secreto no se muestra de nuevo:", markup=False, highlight=False)
    out.print(created.secret, markup=False, highlight=False, soft_wrap=True)


DeliveryId = Annotated[
    str, typer.Argument(help="The id that `axon notifications deliveries` shows.")
]


async def _record(session: AsyncSession, unit: str, subject: str) -> None:
    details = {"unidad": unit}
    await record(session, Action.MANAGE_NOTIFICATIONS, subject=subject, details=details)


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

    async def command() -> tuple[list[dict[str, Any]], str | None]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            about = await read_order(session, order, local_principal()) if order else None
            query = DeliveryQuery(
                state=state, order_id=about.id if about else None, cursor=cursor, limit=limit
            )
            page = await list_deliveries(session, query)
            return [delivery_document(one) for one in page.deliveries], page.next_cursor

    found, following = run(command, as_json=as_json)
    if as_json:
        print_json({"deliveries": found, "next_cursor": following})
        return
    rows = table("Id", "Estado", "Canal", "A", "Asunto", "Intentos", "Error")
    for one in found:
        to = one["destinatario"] or one["destino"]["nombre"]
        error = one["ultimo_error"] or ""
        shown = (one["id"], one["estado"], one["canal"], to, one["asunto"], str(one["intentos"]))
        add_row(rows, *shown, error)
    out.print(rows)
    if following:
        out.print(f"Hay más: --cursor {following}", markup=False, highlight=False, soft_wrap=True)


@_group.command("delivery")
def delivery(
    *, delivery_id: DeliveryId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show one delivery with each of its tries.

    Example: axon notifications delivery 9d2b7c44-0a5e-4f0e-8a55-6d6f0c9f3e21
    """

    async def command() -> dict[str, Any]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            message_id = delivery_id_of(delivery_id)
            found = delivery_document(await find_delivery(session, message_id))
            tries = attempt_documents(await attempts_of(session, message_id))
            return found | {"detalle_intentos": tries}

    _show_document(run(command, as_json=as_json), as_json=as_json)


@_group.command("redeliver")
def send_again(
    *, delivery_id: DeliveryId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Send a delivery again now, under the same id, also if it had arrived.

    Example: axon notifications redeliver 9d2b7c44-0a5e-4f0e-8a55-6d6f0c9f3e21
    """

    async def command() -> dict[str, Any]:
        async with writing(data_dir, "redeliver") as (_, session):
            message_id = delivery_id_of(delivery_id)
            found = await redeliver(session, message_id)
            await _record(session, "redeliver", f"delivery:{message_id}")
            return delivery_document(found)

    _show_document(run(command, as_json=as_json), as_json=as_json)


def _show_document(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        if isinstance(value, list):
            out.print(f"{name}:", markup=False, highlight=False)
            for item in value:  # pyright: ignore[reportUnknownVariableType] — any JSON
                out.print(f"  {_plain(item)}", markup=False, highlight=False, soft_wrap=True)
        elif value is not None:
            out.print(f"{name}: {_plain(value)}", markup=False, highlight=False, soft_wrap=True)


def _plain(value: Any) -> str:  # noqa: ANN401 — any JSON value
    """Return it as people read it; scripts have --json."""
    match value:
        case bool():
            return "sí" if value else "no"
        case dict():
            items = cast("dict[str, Any]", value).items()
            return ", ".join(f"{name} {_plain(one)}" for name, one in items if one is not None)
        case _:
            return safe(value)
