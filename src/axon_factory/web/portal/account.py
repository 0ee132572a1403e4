"""The portal of a client who is signed in: their orders, and each of them without a code.

What is done goes through the API in the client's name, as on the desk. Staff have the desk.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from axon_factory.domain.errors import OrderNotFound
from axon_factory.domain.permissions import Action, Role
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.portal_view import read_portal_view
from axon_factory.orders.portal_words import word_of
from axon_factory.orders.read import read_order
from axon_factory.web.backend import Answer, Refused, path_of
from axon_factory.web.forms import see
from axon_factory.web.portal.by_link import number_in
from axon_factory.web.portal.page import (
    NOTICES,
    Shown,
    facts_of,
    speak_as_asked,
    switch_language,
)
from axon_factory.web.signed_in import Desk, page_for
from axon_factory.web.site import site_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

Reads = Annotated[Desk, Depends(page_for(Action.READ_ORDER))]
_MOST_ORDERS = 100
_NO_TEXT = Sentence("", "")


@router.get("/portal")
async def orders(desk: Reads) -> Response:
    """List the client's orders, the newest first."""
    if desk.who.role is not Role.CLIENT:
        return see("/app")
    switched = switch_language(desk.request, "/portal")
    if switched is not None:
        return switched
    found = await desk.get("orders", query={"limit": _MOST_ORDERS})
    listed = [one | {"word": word_of(OrderState(one["estado"]))} for one in found["orders"]]
    return await desk.page(
        "portal/orders.html", orders=listed, total=found["total"], home="/portal", shown=None
    )


@router.get("/portal/ordenes/{number}")
async def order(number: str, desk: Reads, aviso: str = "") -> Response:
    """Show one order of the client."""
    home = _home(number)
    if desk.who.role is not Role.CLIENT:
        return see(f"/app/ordenes/{number}")
    return switch_language(desk.request, home) or await _page(desk, number, Shown(home), aviso)


@router.post("/portal/ordenes/{number}/preguntas/{question}")
async def answer(
    number: str,
    question: str,
    desk: Annotated[Desk, Depends(page_for(Action.ANSWER_QUESTION))],
) -> Response:
    """Take the client's answer."""
    form = await desk.form()
    text = form.text("respuesta")
    path = path_of("orders", number, "preguntas", question, "respuesta")
    try:
        await desk.api.ask("POST", path, body={"respuesta": text}, key=form.key)
    except Refused as refusal:
        return await _again(desk, number, refusal, f"pregunta-{question}", text)
    return see(f"{_home(number)}?aviso=respondida")


@router.get("/portal/ordenes/{number}/credenciales")
async def back(number: str, desk: Reads) -> Response:
    """Lead back whoever opens the address of what was shown once."""
    del desk
    return see(_home(number))


@router.post("/portal/ordenes/{number}/credenciales")
async def reveal(
    number: str, desk: Annotated[Desk, Depends(page_for(Action.REVEAL_CREDENTIALS))]
) -> Response:
    """Show the credentials once."""
    await desk.form()
    path = path_of("orders", number, "credentials", "reveal")
    try:
        # Without a key: a form that is sent twice does not show them twice.
        shown = await desk.api.ask("POST", path)
    except Refused as refusal:
        return await _again(desk, number, refusal, "codigo")
    return await _page(desk, number, Shown(_home(number), revealed=_values(shown)))


@router.post("/portal/ordenes/{number}/credenciales/nuevas")
async def rotate(
    number: str, desk: Annotated[Desk, Depends(page_for(Action.ROTATE_CREDENTIALS))]
) -> Response:
    """Replace the credentials."""
    form = await desk.form()
    path = path_of("orders", number, "credentials", "rotate")
    try:
        await desk.api.ask("POST", path, key=form.key)
    except Refused as refusal:
        return await _again(desk, number, refusal, "codigo")
    return see(f"{_home(number)}?aviso=cambio#credenciales")


@router.get("/portal/ordenes/{number}/problema")
async def problem_page(number: str, desk: Reads) -> Response:
    """Ask what is wrong."""
    if desk.who.role is not Role.CLIENT:
        return see(f"/app/ordenes/{number}")
    home = _home(number)
    return switch_language(desk.request, f"{home}/problema") or await _page(
        desk, number, Shown(home), template="portal/problem.html"
    )


@router.post("/portal/ordenes/{number}/problema")
async def report(
    number: str, desk: Annotated[Desk, Depends(page_for(Action.REPORT_PROBLEM))]
) -> Response:
    """Keep what is wrong, and tell the staff."""
    form = await desk.form()
    text = form.text("descripcion")
    path = path_of("orders", number, "problems")
    try:
        await desk.api.ask("POST", path, body={"descripcion": text}, key=form.key)
    except Refused as refusal:
        return await _again(
            desk, number, refusal, "descripcion", text, template="portal/problem.html"
        )
    return see(f"{_home(number)}?aviso=problema")


@router.post("/portal/ordenes/{number}/calificacion")
async def rate(
    number: str, desk: Annotated[Desk, Depends(page_for(Action.RATE_ORDER))]
) -> Response:
    """Keep how satisfied the client is."""
    form = await desk.form()
    body = {
        "calificacion": number_in(form.text("calificacion")),
        "comentario": form.text("comentario"),
    }
    try:
        await desk.api.ask("POST", path_of("orders", number, "rating"), body=body, key=form.key)
    except Refused as refusal:
        return await _again(desk, number, refusal, "calificacion")
    return see(f"{_home(number)}?aviso=calificada")


async def _again(
    desk: Desk,
    number: str,
    refusal: Refused,
    name: str,
    typed: str = "",
    *,
    template: str = "portal/order.html",
) -> Response:
    """Show the page again with what the API refused beside the field `name`."""
    if refusal.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        raise refusal
    said = next(iter(refusal.fields.values()), refusal.sentence)
    shown = Shown(_home(number), problems={name: Sentence(said, said)}, typed={name: typed})
    return await _page(desk, number, shown, status=refusal.status, template=template)


async def _page(
    desk: Desk,
    number: str,
    shown: Shown,
    notice: str = "",
    *,
    status: int = HTTPStatus.OK,
    template: str = "portal/order.html",
) -> Response:
    site, now = site_of(desk.request), datetime.now(UTC)
    async with site.database.reading() as session:
        try:
            order = await read_order(session, number, desk.who)
        except OrderNotFound as missing:
            said = desk.r.say(Sentence(missing.message, missing.message_en))
            document: dict[str, Any] = {"codigo": missing.codigo, "message": said}
            raise Refused(HTTPStatus.NOT_FOUND, document) from None
        speak_as_asked(desk.request, order)
        view = await read_portal_view(session, order, site.policy, now)
    known = Shown(
        shown.home,
        signed_in=True,
        notice=NOTICES.get(notice, _NO_TEXT),
        problems=shown.problems,
        typed=shown.typed,
        revealed=shown.revealed,
    )
    return await desk.page(template, status, **facts_of(desk.request, view, known))


def _values(answer: Answer) -> dict[str, str]:
    return {str(name): str(value) for name, value in answer.document["credentials"].items()}


def _home(number: str) -> str:
    return f"/portal/ordenes/{number}"
