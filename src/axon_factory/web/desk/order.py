"""The page of one order and its parts, each the API's answer: read only; forms are `order_forms`.

The page of the plan is `approval`.
"""

import asyncio
import json
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.domain.permissions import Action
from axon_factory.web.backend import Json, Refused, path_of
from axon_factory.web.desk.activity import read_activity
from axon_factory.web.desk.order_page import OrderPage, order_page, path_of_order
from axon_factory.web.desk.timeline import drawing_of
from axon_factory.web.forms import see
from axon_factory.web.signed_in import Desk

__all__ = ["delivery_page", "questions_page", "router"]

router = APIRouter(include_in_schema=False)

Reads = Annotated[Desk, Depends(OrderPage(Action.READ_ORDER))]
_SHORT = 3
"""Groups of the activity on the first page."""


@router.get("/app/ordenes/{number}")
async def summary(number: str, request: Request, desk: Reads) -> Response:
    """Show where the order stands, what it did and what it waits for."""
    order = await desk.get("orders", number)
    if number != order["order_number"]:
        return see(path_of_order(order))
    timeline, checks, plans, links, activity = await asyncio.gather(
        desk.get_or_none("orders", number, "timeline"),
        desk.get_or_none("orders", number, "checks"),
        desk.get_or_none("orders", number, "plans"),
        desk.get_or_none("orders", number, "portal-links"),
        read_activity(desk, order),
    )
    zoom = "pasos" if request.query_params.get("zoom") == "pasos" else "etapas"
    return await order_page(
        desk,
        number,
        "",
        "desk/order/summary.html",
        order=order,
        timeline=timeline,
        zoom=zoom,
        drawing=drawing_of(timeline, desk.r, by_steps=zoom == "pasos") if timeline else None,
        checks=checks,
        usage=plans["uso"] if plans else None,
        portal_url=_portal_url(links),
        late=_is_late(desk, order),
        recent=activity.groups[:_SHORT],
    )


@router.get("/app/ordenes/{number}/actividad")
async def activity(number: str, request: Request, desk: Reads) -> HTMLResponse:
    """Show what happened, newest first."""
    asked = request.query_params
    before = asked.get("antes", "")
    order = await desk.get("orders", number)
    shown = "fallas" if asked.get("ver") == "fallas" else "todo"
    agent = asked.get("agente", "")
    found = await read_activity(
        desk,
        order,
        before=int(before) if before.isascii() and before.isdecimal() else None,
        only_failures=shown == "fallas",
        agent=agent,
    )
    return await order_page(
        desk,
        number,
        "actividad",
        "desk/order/activity.html",
        order=order,
        activity=found,
        shown=shown,
        agent=agent,
        older=bool(before),
    )


@router.get("/app/ordenes/{number}/preguntas")
async def questions(number: str, desk: Reads) -> HTMLResponse:
    """Show what was asked and answered, with a form for each open question."""
    return await questions_page(desk, number)


@router.get("/app/ordenes/{number}/entrega")
async def delivery(number: str, desk: Reads) -> HTMLResponse:
    """Show the product's addresses, its masked credentials and the client's link."""
    return await delivery_page(desk, number)


@router.get("/app/ordenes/{number}/correos")
async def mails(
    number: str, desk: Annotated[Desk, Depends(OrderPage(Action.READ_CLIENT_MAILS))]
) -> HTMLResponse:
    """Show which mails the client got, and how their delivery went."""
    found = await desk.get("orders", number, "client-mails")
    return await order_page(
        desk, number, "correos", "desk/order/mails.html", mails=found["correos"]
    )


@router.get("/app/ordenes/{number}/auditoria")
async def audit(
    number: str,
    request: Request,
    desk: Annotated[Desk, Depends(OrderPage(Action.READ_AUDIT))],
) -> HTMLResponse:
    """Show who did what to the order."""
    order = await desk.get("orders", number)
    before = request.query_params.get("antes", "")
    entries = await desk.get(
        "audit",
        query={
            "cadena": order["id"],
            "before": before if before.isascii() and before.isdecimal() else None,
        },
    )
    more = entries["entries"][-1]["posicion"] if entries.get("next") else None
    return await order_page(
        desk,
        number,
        "auditoria",
        "desk/order/audit.html",
        order=order,
        entries=entries["entries"],
        more=more,
    )


@router.get("/app/ordenes/{number}/json")
async def as_json(number: str, request: Request, desk: Reads) -> HTMLResponse:
    """Show what the API answers about the order, and how to ask it."""
    order = await desk.get("orders", number)
    url = f"{request.url.scheme}://{request.headers.get('host', '')}"
    command = (
        f"curl -sS --fail '{url}{path_of('orders', order['order_number'])}' \\\n"
        '  -H "X-API-Key: $AXON_KEY"'
    )
    return await order_page(
        desk,
        number,
        "json",
        "desk/order/json.html",
        order=order,
        document=json.dumps(order, ensure_ascii=False, indent=2),
        command=command,
    )


async def questions_page(
    desk: Desk, number: str, status: int = 200, /, **tried: object
) -> HTMLResponse:
    """Return the page of the questions; `tried` is what a refused form had and was told."""
    facts: dict[str, Any] = {"tried": {}, "problems": {}, "problem": "", "refused": "", **tried}
    return await order_page(desk, number, "preguntas", "desk/order/questions.html", status, **facts)


async def delivery_page(
    desk: Desk, number: str, status: int = 200, /, **facts: object
) -> HTMLResponse:
    """Return the page of the delivery; `facts` may hold credentials, which are shown this once."""
    result, links, checks = await asyncio.gather(
        _result(desk, number),
        desk.get_or_none("orders", number, "portal-links"),
        desk.get_or_none("orders", number, "checks"),
    )
    given: dict[str, Any] = {"credentials": None, "problem": "", **facts}
    return await order_page(
        desk,
        number,
        "entrega",
        "desk/order/delivery.html",
        status,
        result=result["resultado"] if result else None,
        links=links["enlaces"] if links else None,
        deployments=checks["despliegues"] if checks else [],
        **given,
    )


async def _result(desk: Desk, number: str) -> Json | None:
    """Return what was delivered; None before there is something."""
    try:
        return await desk.get("orders", number, "result")
    except Refused as refusal:
        if refusal.status == HTTPStatus.BAD_REQUEST:
            return None
        raise


def _is_late(desk: Desk, order: Json) -> bool:
    """Return whether what was promised is over and nothing was delivered."""
    promised = order["promesa"]
    if promised is None or order["entregado_at"] or order["estado"] == "cancelado":
        return False
    return datetime.fromisoformat(promised["hasta"]) < desk.r.now


def _portal_url(links: Json | None) -> str | None:
    """Return the address of the client's page, if one serves."""
    found: list[Json] = links["enlaces"] if links else []
    return next((one["url"] for one in reversed(found) if one["url"]), None)
