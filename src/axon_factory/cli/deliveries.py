"""`axon notifications`: how each delivery went, and sending it anew."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.notification_views import attempt_documents, delivery_document
from axon_factory.bootstrap import Factory
from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    local_principal,
    open_factory,
    out,
    print_json,
    run,
)
from axon_factory.cli.recording import record
from axon_factory.cli.render import add_row, safe, table
from axon_factory.domain.messages import DeliveryState
from axon_factory.domain.permissions import Action
from axon_factory.orders.notifications.deliveries import (
    DeliveryQuery,
    attempts_of,
    delivery_id_of,
    find_delivery,
    list_deliveries,
    redeliver,
)
from axon_factory.orders.read import read_order

DeliveryId = Annotated[
    str, typer.Argument(help="The id that `axon notifications deliveries` shows.")
]


def add_deliveries(group: typer.Typer) -> None:
    """Add the commands about deliveries to `axon notifications`."""
    group.command("deliveries")(deliveries)
    group.command("delivery")(delivery)
    group.command("redeliver")(send_again)


@asynccontextmanager
async def writing(data_dir: Path | None, unit: str) -> AsyncGenerator[tuple[Factory, AsyncSession]]:
    """Open a factory and one transaction of it, which commits when the block ends."""
    async with (
        open_factory(data_dir) as factory,
        factory.database.transaction(unit) as session,
    ):
        yield factory, session


async def record_act(session: AsyncSession, unit: str, subject: str) -> None:
    """Put an act about notifications on the audit trail, in its own transaction."""
    details = {"unidad": unit}
    await record(session, Action.MANAGE_NOTIFICATIONS, subject=subject, details=details)


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
        async with open_factory(data_dir) as factory, factory.database.reading() as session:
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


def delivery(
    *, delivery_id: DeliveryId, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show one delivery with each of its tries.

    Example: axon notifications delivery 9d2b7c44-0a5e-4f0e-8a55-6d6f0c9f3e21
    """

    async def command() -> dict[str, Any]:
        async with open_factory(data_dir) as factory, factory.database.reading() as session:
            message_id = delivery_id_of(delivery_id)
            found = delivery_document(await find_delivery(session, message_id))
            tries = attempt_documents(await attempts_of(session, message_id))
            return found | {"detalle_intentos": tries}

    show_document(run(command, as_json=as_json), as_json=as_json)


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
            await record_act(session, "redeliver", f"delivery:{message_id}")
            return delivery_document(found)

    show_document(run(command, as_json=as_json), as_json=as_json)


def show_document(document: dict[str, Any], *, as_json: bool) -> None:
    """Print a destination or a delivery, key by key, or as JSON."""
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
