"""The board of orders: first who needs a person, then a column a state; or, chosen, the table."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from axon_factory.domain.permissions import Action
from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Json
from axon_factory.web.desk.acts import ACTS
from axon_factory.web.desk.filters import ORDERS, filters_of
from axon_factory.web.desk.table import table_page, type_names
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_CARDS = 30
"""Of a column; the table has the others."""
_ICONS: Mapping[str, str] = MappingProxyType(
    {
        "nuevo": "circle-dashed",
        "planificacion": "file-text",
        "construccion": "wrench",
        "qa": "shield-check",
        "listo": "rocket",
        "entregado": "circle-check",
        "fallido": "circle-x",
        "cancelado": "ban",
    }
)
_ELSEWHERE: Mapping[str, tuple[str, Sentence]] = MappingProxyType(
    {
        "aprobar": ("plan", Sentence("Leer y aprobar el plan", "Read and approve the plan")),
        "editar": ("plan/editar", Sentence("Editar el plan", "Edit the plan")),
        "responder": ("preguntas", Sentence("Responder", "Answer")),
    }
)
"""Acts that have a page of their own: what is read there is decided there."""


@router.get(ORDERS)
async def orders(
    request: Request, desk: Annotated[Desk, Depends(page_for(Action.READ_BOARD))]
) -> HTMLResponse:
    """Show the orders that the address names, on the board or as a table."""
    types = await type_names(desk)
    filters = filters_of(request.query_params, types)
    if filters.is_table:
        return await table_page(desk, filters, types)
    found = await desk.get("board", query={**filters.query(), "limit": _CARDS})
    columns: list[Json] = found["columnas"]
    return await desk.page(
        "desk/board.html",
        found=found,
        lane=found["te_necesita"],
        columns=[one for one in columns if _is_shown(one)],
        filters=filters,
        chips=filters.chips(desk.r, types),
        types=types,
        picked=request.query_params.get("columna", ""),
        icons=_ICONS,
        menu=_menu,
        here=str(request.url.path) + (f"?{request.url.query}" if request.url.query else ""),
    )


def _is_shown(column: Json) -> bool:
    """Return whether a column is drawn: one that is empty only if orders pass through it."""
    own = column["total"] - column["en_te_necesita"]
    return bool(own) or column["estado"] not in {"fallido", "cancelado"}


def _menu(card: Json) -> list[tuple[str, Sentence]]:
    """Return the pages where this person acts on the order, with what is done there."""
    base = f"{ORDERS}/{card['order_number']}"
    return [
        (f"{base}/{_ELSEWHERE[name][0]}", _ELSEWHERE[name][1])
        if name in _ELSEWHERE
        else (f"{base}/actos/{name}", ACTS[name].label)
        for name in card["actos"]
        if name in _ELSEWHERE or name in ACTS
    ]
