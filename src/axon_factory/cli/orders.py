"""`axon orders`: create, read and follow orders; `decisions` has what people decide about them."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from axon_factory.cli import clients, decisions, new_order, plans
from axon_factory.cli.client import Factory
from axon_factory.cli.deciding import STDIN, Reference, read_document
from axon_factory.cli.follow import follow
from axon_factory.cli.render import (
    LIST_FIELDS,
    event_line,
    flat,
    render_order,
    render_orders,
)
from axon_factory.cli.tables import facts, safe
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
from axon_factory.domain.building import Priority
from axon_factory.domain.states import Needs, OrderState, PlanStatus, WaitsFor

_group = typer.Typer(no_args_is_help=True, help="Create, follow and decide orders.")


class _SortBy(StrEnum):
    CREATED = "created_at"
    UPDATED = "updated_at"
    PRIORITY = "prioridad"


class _SortOrder(StrEnum):
    UP = "asc"
    DOWN = "desc"


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
    order = Factory(data_dir).post("orders", body=read_document(file))
    new_order.show_created(order, as_json=as_json)


@_group.command("show")
def show(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show one order: facts, plan, newest events.

    Example: axon orders show ORD-2025-001
    """
    factory = Factory(data_dir)
    order = factory.get("orders", reference)
    if as_json:
        print_json(order)
    else:
        say(*render_order(order, plans.flags_of(factory, order)))


@_group.command("list")
def list_all(  # noqa: PLR0913 — one option for each filter of the API
    *,
    estado: Annotated[list[OrderState] | None, typer.Option(help="Repeatable.")] = None,
    tipo: Annotated[list[str] | None, typer.Option(help="A product type; repeatable.")] = None,
    prioridad: Annotated[list[Priority] | None, typer.Option(help="Repeatable.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Repeatable: all must be there.")] = None,
    asignado_a: Annotated[list[str] | None, typer.Option(help="Who has it; repeatable.")] = None,
    cliente_id: Annotated[list[str] | None, typer.Option(help="Whose; repeatable.")] = None,
    order_number: Annotated[list[str] | None, typer.Option(help="Whole; repeatable.")] = None,
    q: Annotated[str | None, typer.Option(help="Words of number, product, client.")] = None,
    plan_estado: Annotated[list[PlanStatus] | None, typer.Option(help="Repeatable.")] = None,
    espera: Annotated[
        list[WaitsFor] | None, typer.Option(help="What has stopped it; repeatable.")
    ] = None,
    necesita: Annotated[
        list[Needs] | None, typer.Option(help="Who owes it the next step; repeatable.")
    ] = None,
    needs_me: Annotated[
        bool, typer.Option("--needs-me", help="Only what waits for a person of the factory.")
    ] = False,
    creado_desde: Annotated[
        str | None, typer.Option(help="A date, or a time with its zone; so are the others.")
    ] = None,
    creado_hasta: Annotated[str | None, typer.Option(help="A date counts whole.")] = None,
    actualizado_desde: Annotated[str | None, typer.Option()] = None,
    actualizado_hasta: Annotated[str | None, typer.Option()] = None,
    entregado_desde: Annotated[str | None, typer.Option()] = None,
    entregado_hasta: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    offset: Annotated[int, typer.Option(min=0, max=2**31 - 1)] = 0,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    sort_by: Annotated[_SortBy, typer.Option()] = _SortBy.CREATED,
    sort_order: Annotated[_SortOrder, typer.Option()] = _SortOrder.DOWN,
    fields: Annotated[str | None, typer.Option(help="With --json or --csv: only these.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write the whole list as CSV.")] = False,
    separador: Annotated[str | None, typer.Option(help="With --csv: , or ;")] = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="With --csv: UTF-8's mark, for Excel.")
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List orders, newest first, with every filter of GET /api/orders.

    Example: axon orders list --needs-me

    Example: axon orders list --estado construccion --estado qa --prioridad urgente

    Example: axon orders list --creado-desde 2026-01-01 --csv > ordenes.csv
    """
    needs = [Needs.PERSONA] if needs_me else necesita
    table = not as_json and not csv
    query: dict[str, Any] = {
        "estado": _words(estado),
        "tipo_producto": tipo,
        "prioridad": _words(prioridad),
        "tag": tag,
        "asignado_a": asignado_a,
        "cliente_id": cliente_id,
        "order_number": order_number,
        "q": q,
        "plan_estado": _words(plan_estado),
        "espera": _words(espera),
        "necesita": _words(needs),
        "creado_desde": creado_desde,
        "creado_hasta": creado_hasta,
        "actualizado_desde": actualizado_desde,
        "actualizado_hasta": actualizado_hasta,
        "entregado_desde": entregado_desde,
        "entregado_hasta": entregado_hasta,
        "limit": limit,
        "offset": offset or None,
        "cursor": cursor,
        "sort_by": sort_by.value,
        "sort_order": sort_order.value,
        "fields": ",".join(LIST_FIELDS) if table else fields,
    }
    factory = Factory(data_dir)
    if csv:
        dialect = {"separador": separador, "bom": "true" if bom else None}
        for part in factory.download("orders", query=query | dialect, media_type="text/csv"):
            sys.stdout.buffer.write(part)
        return
    page = factory.get("orders", query=query)
    if as_json:
        print_json(page)
    else:
        _show_page(page)


def _words(values: list[Any] | None) -> list[str]:
    return [str(value) for value in values or ()]


def _show_page(page: Mapping[str, Any]) -> None:
    say(*render_orders(page["orders"]))
    say(paint(f"{page['count']} de {page['total']} órdenes", "dim"))
    if page["next"]:
        say(paint(f"Hay más: --cursor {page['next']}", "dim"))


@_group.command("watch")
def watch(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Follow an order's events, from the first on, until it is delivered, fails or is cancelled.

    The exit code is 0 if it was delivered, else 10. With --json: one line an event.

    Example: axon orders watch ORD-2025-001
    """
    order: Mapping[str, Any] = {}
    for order, event in follow(Factory(data_dir), reference):
        if as_json:
            print_json({**order, **event})
        else:
            say(event_line(event, state=order["estado"], progress=order["progreso"]))
    if order["estado"] != OrderState.ENTREGADO:
        failure: Mapping[str, Any] = order["fallo"] or {}
        cause = safe(failure.get("mensaje") or said("no se entregó", "no delivery"))
        number, state = order["order_number"], order["estado"]
        raise CliError(
            Exit.NOT_DELIVERED,
            said(
                f"La orden {number} terminó en '{state}': {cause}",
                f"Order {number} ended in '{state}': {cause}",
            ),
        )


@_group.command("result")
def result(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show what was delivered, with its credentials masked.

    Example: axon orders result ORD-2025-001
    """
    document = Factory(data_dir).get("orders", reference, "result")
    if as_json:
        print_json(document)
    else:
        say(*facts(flat(document)))


new_order.register(_group)
decisions.register(_group)
plans.register(_group)
clients.register(_group)
