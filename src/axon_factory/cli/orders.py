"""`axon orders`: create, read and follow orders; `decisions` has what people decide about them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import typer

from axon_factory.cli import clients, decisions, plans
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
from axon_factory.cli.deciding import STDIN, Reference, read_document
from axon_factory.cli.render import (
    LIST_FIELDS,
    event_document,
    facts,
    follow,
    render_event,
    render_order,
    render_orders,
    safe,
)
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.building import Priority
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.permissions import Action
from axon_factory.domain.states import OrderState
from axon_factory.orders.answers.acts import created
from axon_factory.orders.answers.order import detail
from axon_factory.orders.create import create_order
from axon_factory.orders.evidence import Receipts, read_receipts
from axon_factory.orders.lists.fields import SUMMARY
from axon_factory.orders.lists.page import Page, list_orders
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.plans.versions import find_plan
from axon_factory.orders.read import newest_events, read_order
from axon_factory.orders.requests import NewOrder, validated
from axon_factory.orders.result import result_of
from axon_factory.orders.runs.capacity import place_in_queue

_group = typer.Typer(no_args_is_help=True, help="Create, follow and decide orders.")


def register(app: typer.Typer) -> None:
    """Add the group to the program."""
    app.add_typer(_group, name="orders")


@_group.command("create")
def create(
    *,
    file: Annotated[str, typer.Argument(help="File with the order as JSON; - is stdin.")] = STDIN,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create an order from a JSON document: the body of POST /api/orders.

    Example: axon orders create order.json
    """

    async def command() -> Order:
        request = validated(NewOrder, read_document(file))
        async with writing(data_dir, "create") as (container, session):
            order = await create_order(
                session, request, local_principal(), container.policy, datetime.now(UTC)
            )
            await record(session, Action.CREATE_ORDER, order_id=order.id)
            return order

    order = run(command, as_json=as_json)
    if as_json:
        print_json(created(order))
    else:
        out.print(f"Orden {order.order_number} creada", highlight=False)
        out.print(f"Síguela con: axon orders watch {order.order_number}", highlight=False)


@_group.command("show")
def show(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show one order: facts, plan, newest events.

    Example: axon orders show ORD-2025-001
    """

    async def command() -> tuple[
        Order, Sequence[OrderEvent], Receipts, int | None, Sequence[dict[str, Any]]
    ]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            order = await read_order(session, reference, local_principal())
            events = await newest_events(session, order, local_principal())
            place = await place_in_queue(session, order, datetime.now(UTC))
            plan = await find_plan(session, order, order.plan_version)
            flags = plan.flags if plan else ()
            return order, events, await read_receipts(session, order), place, flags

    order, events, receipts, place, flags = run(command, as_json=as_json)
    if as_json:
        document = detail(order, events, receipts, local_principal(), place_in_queue=place)
        print_json(document)
    else:
        out.print(render_order(order, events, receipts, flags=flags, place=place))


@_group.command("list")
def list_all(
    *,
    estado: Annotated[list[OrderState] | None, typer.Option(help="Repeatable.")] = None,
    tipo: Annotated[str | None, typer.Option(help="A product type.")] = None,
    prioridad: Annotated[Priority | None, typer.Option()] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Repeatable: all must be there.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    offset: Annotated[int, typer.Option(min=0, max=2**31 - 1)] = 0,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List orders, newest first.

    Example: axon orders list --estado construccion --estado qa --prioridad urgente
    """
    query = ListQuery(
        states=tuple(estado or ()),
        product_types=(tipo,) if tipo else (),
        priorities=(prioridad,) if prioridad else (),
        tags=tuple(tag or ()),
        limit=limit,
        offset=offset,
        fields=SUMMARY if as_json else LIST_FIELDS,
    )

    async def command() -> Page:
        if tipo is not None and tipo not in PRODUCT_TYPES:
            raise CliError(Exit.USAGE, f"--tipo no válido. Opciones: {', '.join(PRODUCT_TYPES)}")
        async with open_container(data_dir) as container, container.database.reading() as session:
            return await list_orders(session, query, local_principal())

    page = run(command, as_json=as_json)
    found = page.orders
    if as_json:
        head = {"total": page.total, "limit": limit, "offset": offset, "count": len(found)}
        print_json(head | {"orders": found})
        return
    out.print(render_orders(found))
    out.print(f"{len(found)} de {page.total} órdenes", style="dim", highlight=False)


@_group.command("watch")
def watch(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Follow an order's events, from the first on, until it is delivered, fails or is cancelled.

    The exit code is 0 if it was delivered, else 10. With --json: one line an event.

    Example: axon orders watch ORD-2025-001
    """

    async def command() -> None:
        async with open_container(data_dir) as container:
            order = None
            async for order, event in follow(container, reference, local_principal()):
                if as_json:
                    print_json(event_document(order, event))
                else:
                    line = render_event(event, state=order.estado, progress=order.progreso)
                    out.print(line, soft_wrap=True)
        if order is not None and order.estado != OrderState.ENTREGADO:
            cause = safe((order.fallo or {}).get("mensaje") or "no se entregó")
            raise CliError(
                Exit.NOT_DELIVERED,
                f"La orden {order.order_number} terminó en '{order.estado}': {cause}",
            )

    run(command, as_json=as_json)


@_group.command("result")
def result(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show the delivered product, its credentials masked.

    Example: axon orders result ORD-2025-001
    """

    async def command() -> dict[str, Any]:
        async with open_container(data_dir) as container, container.database.reading() as session:
            order = await read_order(session, reference, local_principal())
            return await result_of(session, order, container.policy, datetime.now(UTC))

    document = run(command, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        out.print(facts(_flat(document)))


decisions.register(_group)
plans.register(_group)
clients.register(_group)


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Return {"resultado.portal_url": …}: one line for each value."""
    rows: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            rows |= _flat(cast("Mapping[str, Any]", value), f"{prefix}{name}.")
        elif value is not None:
            rows[f"{prefix}{name}"] = value
    return rows
