"""Deliveries of mails and notifications: how each goes, every try, and delivering again."""

from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from axon_factory.web.backend import Json, Refused, path_of
from axon_factory.web.desk.webhooks import KEEPS, said_event
from axon_factory.web.words import CHANNELS

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PATH = "/app/avisos/entregas"
_A_PAGE = 50


@router.get(_PATH)
async def deliveries_page(
    desk: KEEPS, estado: str = "", orden: str = "", destino: str = "", cursor: str = ""
) -> HTMLResponse:
    """List deliveries, the newest first; the filters stand in the address."""
    filters = {"estado": estado, "orden": orden.strip(), "destino": destino}
    given = {name: value for name, value in filters.items() if value}
    query: dict[str, str | int] = {**given, "limit": _A_PAGE}
    if cursor:
        query["cursor"] = cursor
    status, problem = HTTPStatus.OK, ""
    page: Json = {"deliveries": [], "next_cursor": None}
    try:
        page = await desk.get("notifications", "deliveries", query=query)
    except Refused as refusal:
        if refusal.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
            raise
        status, problem = HTTPStatus(refusal.status), refusal.sentence
    following: str | None = page["next_cursor"]
    destinations = await desk.get("notifications", "destinations")
    return await desk.page(
        "desk/deliveries.html",
        status,
        deliveries=page["deliveries"],
        next=f"{_PATH}?{urlencode({**given, 'cursor': following})}" if following else "",
        filters=filters,
        destinations=destinations["destinations"],
        problem=problem,
        said_event=said_event,
    )


@router.get(_PATH + "/{id}")
async def delivery_page(id: str, desk: KEEPS) -> HTMLResponse:
    """Show one delivery with each of its tries."""
    delivery = await desk.get("notifications", "deliveries", id)
    return await desk.page(
        "desk/delivery.html", delivery=delivery, said_event=said_event, channels=CHANNELS
    )


@router.post(_PATH + "/{id}/reenvio")
async def deliver_again(id: str, desk: KEEPS) -> Response:
    """Deliver once more now, under the same id."""
    form = await desk.form()
    path = path_of("notifications", "deliveries", id, "redeliver")
    try:
        await desk.api.ask("POST", path, key=form.key)
    except Refused as refusal:
        if refusal.status != HTTPStatus.CONFLICT:
            raise
        return desk.done(f"{_PATH}/{id}", refusal.sentence, "bad")
    said = desk.r.t("Se envía de nuevo ahora.", "It is sent again now.")
    return desk.done(f"{_PATH}/{id}", said)
