"""What waits for this person: what stops an order first, with enough beside it to decide."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from axon_factory.domain.permissions import Action
from axon_factory.web import words
from axon_factory.web.backend import Json, Refused, path_of
from axon_factory.web.desk.acts import ACTS, Act
from axon_factory.web.desk.plan_words import change_lines
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_ADDRESS = "/app/pendientes"
_PAGE = 100
_LOOKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "plan": ("file-text", "you"),
        "pregunta": ("circle-help", "you"),
        "cliente": ("clock", "you"),
        "fallo": ("triangle-alert", "bad"),
        "revision": ("shield-check", "you"),
        "presupuesto": ("coins", "you"),
        "silencio": ("octagon-pause", "you"),
        "maquina": ("wrench", "bad"),
        "linea": ("activity", "idle"),
        "producto": ("globe", "bad"),
        "problema": ("message-square", "bad"),
        "aviso": ("mail", "idle"),
    }
)
"""Icon and hue of each class."""
_MAY_END = frozenset({"fallo", "revision", "presupuesto"})


@router.get(_ADDRESS)
async def pending(
    desk: Annotated[Desk, Depends(page_for(Action.READ_PENDING))],
    clase: Annotated[str, Query()] = "",
    orden: Annotated[str, Query()] = "",
    ver: Annotated[str, Query()] = "",
    desde: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> HTMLResponse:
    """Show what waits, and the chosen entry beside it."""
    known = clase if clase in words.CLASSES else ""
    by_price = orden == "valor"
    query = {
        "clase": known or None,
        "sort_by": "precio" if by_price else "desde",
        "limit": _PAGE,
        "offset": desde,
    }
    found = await desk.get("pending", query=query)
    items: list[Json] = found["pendientes"]
    chosen = next((one for one in items if one["id"] == ver), items[0] if items else None)

    def address(**changes: str | int) -> str:
        asked: dict[str, str | int] = {
            "clase": known,
            "orden": orden if by_price else "",
            "desde": desde,
        } | changes
        given = urlencode({name: value for name, value in asked.items() if value})
        return f"{_ADDRESS}?{given}" if given else _ADDRESS

    return await desk.page(
        "desk/pending.html",
        found=found,
        everything=sum(found["por_clase"].values()),
        waiting=_groups(items),
        chosen=chosen,
        brief=await _brief(desk, chosen),
        lines=change_lines,
        buttons=_buttons(chosen),
        plan=_plan_read(chosen),
        looks=_LOOKS,
        known=known,
        by_price=by_price,
        address=address,
        here=address(ver=ver),
        next_from=desde + _PAGE if desde + found["count"] < found["total"] else 0,
        opens=_opens,
    )


@router.post(_ADDRESS + "/avisos/{id}")
async def send_again(
    id: str, desk: Annotated[Desk, Depends(page_for(Action.MANAGE_NOTIFICATIONS))]
) -> Response:
    """Send a message again that was given up."""
    form = await desk.form()
    path = path_of("notifications", "deliveries", id, "redeliver")
    await desk.api.ask("POST", path, key=form.key)
    return desk.done(_ADDRESS, desk.r.t("Se envía otra vez.", "It is sent again."))


@router.post(_ADDRESS + "/problemas/{number}/{problem}")
async def close_problem(
    number: str, problem: str, desk: Annotated[Desk, Depends(page_for(Action.CLOSE_PROBLEM))]
) -> Response:
    """Close a problem that a client has reported."""
    form = await desk.form()
    path = path_of("orders", number, "problems", problem, "close")
    await desk.api.ask("POST", path, key=form.key)
    return desk.done(_ADDRESS, desk.r.t("Cerraste el problema.", "You closed the problem."))


def _groups(items: list[Json]) -> list[tuple[bool, list[Json]]]:
    """Return what stops an order, and what can wait."""
    return [
        (stops, [one for one in items if one["detiene"] is stops])
        for stops in (True, False)
        if any(one["detiene"] is stops for one in items)
    ]


async def _brief(desk: Desk, item: Json | None) -> Json | None:
    """Return what deciding about the chosen plan needs; None of anything else."""
    if item is None or item["clase"] != "plan" or not desk.may(Action.READ_BRIEF):
        return None
    version = str(item["detalle"]["plan_version"])
    try:
        return await desk.get("orders", item["orden"]["id"], "plans", version, "brief")
    except Refused as refusal:
        # Decided since the list was read: what the entry itself says is enough until then.
        if refusal.status in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
            return None
        raise


def _buttons(item: Json | None) -> dict[str, Act]:
    """Return the acts of the entry that are done on its order by a button or a form."""
    if item is None or item["orden"] is None:
        return {}
    # Whoever decides about a plan or answers has not come to cancel; the order's page has that too.
    hidden = () if item["clase"] in _MAY_END else ("cancelar",)
    return {name: ACTS[name] for name in item["actos"] if name in ACTS and name not in hidden}


def _plan_read(item: Json | None) -> dict[str, Any]:
    """Return what a button needs of the order: its number, and the plan that was read."""
    if item is None or item["orden"] is None:
        return {}
    read = ("plan_version", "plan_hash")
    return {
        "order_number": item["orden"]["order_number"],
        **{name: item["detalle"].get(name, "") for name in read},
    }


def _opens(item: Json) -> str:
    """Return the page where an entry is decided: on the phone a row leads there."""
    if item["orden"] is None:
        return "/app/linea"
    number = item["orden"]["order_number"]
    part = {"plan": "/plan", "pregunta": "/preguntas", "cliente": "/preguntas"}
    return f"/app/ordenes/{number}{part.get(item['clase'], '')}"
