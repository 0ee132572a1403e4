"""The table of orders: whom each waits for, promise against estimate, sorted and page by page."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.domain.permissions import Action
from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Json, path_of
from axon_factory.web.desk.bulk import ACTS_ON_MANY
from axon_factory.web.desk.filters import ORDERS, Filters, filters_of
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["router", "table_page", "type_names"]

router = APIRouter(include_in_schema=False)

_ROWS = 50
_SORTS: Mapping[str, tuple[str, str, Sentence]] = MappingProxyType(
    {
        "": ("created_at", "desc", Sentence("La más nueva primero", "Newest first")),
        "antigua": ("created_at", "asc", Sentence("La más antigua primero", "Oldest first")),
        "cambio": ("updated_at", "desc", Sentence("Lo último que cambió", "Last changed")),
        "quieta": ("updated_at", "asc", Sentence("Lo que lleva más quieto", "Longest unchanged")),
        "prioridad": ("prioridad", "desc", Sentence("La más urgente primero", "Most urgent first")),
        "sin-prisa": (
            "prioridad",
            "asc",
            Sentence("La menos urgente primero", "Least urgent first"),
        ),
    }
)
"""What `orden` of the address means to the API, and in words."""
_HEADS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "edad": ("", "antigua"),
        "prioridad": ("prioridad", "sin-prisa"),
        "cambio": ("cambio", "quieta"),
    }
)
"""The two orders that a column's head switches between."""


async def type_names(desk: Desk) -> dict[str, str]:
    """Return the names of the product types by their ids."""
    return {one["id"]: one["nombre"] for one in (await desk.get("products", "types"))["products"]}


async def table_page(desk: Desk, filters: Filters, types: dict[str, str]) -> HTMLResponse:
    """Return the table of the orders that `filters` name."""
    asked = desk.request.query_params
    sort = filters.sort if filters.sort in _SORTS else ""
    by, way, said = _SORTS[sort]
    query: dict[str, Any] = {
        **filters.query(),
        "fields": "order_number,created_at,updated_at",
        "limit": _ROWS,
        "sort_by": by,
        "sort_order": way,
        "cursor": asked.get("pagina") or None,
    }
    found = await desk.get("orders", query=query)
    return await desk.page(
        "desk/table.html",
        found=found,
        rows=await _rows(desk, found["orders"]),
        filters=filters,
        chips=filters.chips(desk.r, types),
        types=types,
        sort=sort,
        sorted_by=said,
        heads={name: _head(filters, sort, pair) for name, pair in _HEADS.items()},
        csv=filters.address().replace(ORDERS, f"{ORDERS}.csv", 1),
        waits=_waits,
        acts_on_many=ACTS_ON_MANY,
        here=str(desk.request.url.path) + (f"?{desk.request.url.query}"),
        pages={way: filters.address(pagina=found[way] or "") for way in ("prev", "next")},
    )


@router.get(f"{ORDERS}.csv")
async def export(
    request: Request, desk: Annotated[Desk, Depends(page_for(Action.LIST_ORDERS))]
) -> Response:
    """Send the API's export of the orders that the address names."""
    filters = filters_of(request.query_params, await type_names(desk), is_table=True)
    # A refusal is a page; the export itself goes from the API to the browser as it is written.
    await desk.get("orders", query={**filters.query(), "limit": 1})
    by, way, _ = _SORTS.get(filters.sort, _SORTS[""])
    query = {**filters.query(), "bom": "true", "sort_by": by, "sort_order": way}
    return desk.api.passed(path_of("orders"), query, accept="text/csv")


async def _rows(desk: Desk, listed: list[Json]) -> list[Json]:
    """Return the cards of the listed orders, each with what only the list knows."""
    if not listed:
        return []
    numbers = [one["order_number"] for one in listed]
    found = await desk.get("board", "cards", query={"order_number": ",".join(numbers)})
    cards = {one["order_number"]: one for one in found["tarjetas"]}
    return [{**one, **cards[one["order_number"]]} for one in listed if one["order_number"] in cards]


def _head(filters: Filters, sort: str, pair: tuple[str, str]) -> tuple[str, str]:
    """Return where a column's head leads, and how it is sorted now: ascending, descending or ''."""
    first, second = pair
    wanted = second if sort == first else first
    now = {first: "descending", second: "ascending"}.get(sort, "")
    return Filters(filters.values, is_table=True, sort=wanted).address(), now


def _waits(row: Json) -> str:
    """Return the hue of whom an order waits for: bad, you, or none if the line has its turn."""
    if row["estado"] == "fallido":
        return "bad"
    owed = row["espera"] in {"persona", "cliente", "operador", "presupuesto"}
    asks = "aprobar" in row["actos"] or (bool(row["razon"]) and row["estado"] == "planificacion")
    return "you" if owed or asks or row["silencio"] else ""
