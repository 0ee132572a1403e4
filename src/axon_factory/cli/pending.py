"""`axon pending`: what waits for a person, and what they may do about it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from axon_factory.cli.client import Factory
from axon_factory.cli.tables import NOTHING, Styled, Table, local_time
from axon_factory.cli.terminal import DataDirOption, JsonOption, print_json, said, say
from axon_factory.domain.pending import PendingKind


class _SortBy(StrEnum):
    SINCE = "desde"
    PRICE = "precio"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("pending")(pending)


def pending(
    *,
    kind: Annotated[
        list[PendingKind] | None, typer.Option(help="Only these classes; repeatable.")
    ] = None,
    sort_by: Annotated[
        _SortBy, typer.Option(help="The oldest first, or the dearest.")
    ] = _SortBy.SINCE,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 50,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what waits for a person: first what stops an order, then what can wait.

    Example: axon pending --kind plan --kind fallo
    """
    query = {"clase": [one.value for one in kind or ()], "sort_by": sort_by.value, "limit": limit}
    found = Factory(data_dir).get("pending", query=query)
    if as_json:
        print_json(found)
        return
    if not found["total"]:
        say(said("Nada te espera", "Nothing waits for you"))
        return
    say(*_table(found).lines(), "", _summary(found))


def _table(found: Mapping[str, Any]) -> Table:
    rows = Table(
        *("", "Qué", "Orden", "Cliente", "Desde", "Precio", "Puedes"),
        numbers=("Precio",),
        drop=("Desde", "Cliente", "Precio", "Puedes"),
    )
    for item in found["pendientes"]:
        order = item["orden"]
        stops = Styled("!", "bold yellow") if item["detiene"] else Styled("·", "dim")
        rows.add(
            stops,
            item["titulo"],
            NOTHING if order is None else order["order_number"],
            NOTHING if order is None else order["cliente"],
            local_time(item["desde"]),
            NOTHING if order is None else f"{order['precio']} {order['moneda']}",
            ", ".join(item["actos"]) or NOTHING,
        )
    return rows


def _summary(found: Mapping[str, Any]) -> str:
    total, stopping = found["total"], found["detienen"]
    money = ", ".join(f"{one['monto']} {one['moneda']}" for one in found["dinero"])
    sentence = said(
        f"{total} en total; {stopping} detienen una orden (!)",
        f"{total} in all; {stopping} stop an order (!)",
    )
    if money:
        sentence += said(f"; {money} esperan", f"; {money} wait")
    if found["count"] < total:
        sentence += said(f". Se muestran {found['count']}", f". {found['count']} are shown")
    return sentence
