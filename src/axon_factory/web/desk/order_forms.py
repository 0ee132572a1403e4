"""Forms on the pages of one order: answers and questions, the client's link, credentials, data.

What the API refuses at a field is shown on the page with the form, beside the field.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from axon_factory.domain.permissions import Action
from axon_factory.web.backend import Json, Refused, path_of
from axon_factory.web.desk.order import delivery_page, questions_page
from axon_factory.web.desk.order_page import OrderPage, order_page, path_of_order
from axon_factory.web.forms import Form
from axon_factory.web.signed_in import Desk

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

Links = Annotated[Desk, Depends(OrderPage(Action.MANAGE_PORTAL_LINKS))]
Corrects = Annotated[Desk, Depends(OrderPage(Action.UPDATE_ORDER))]
_SHOWN_AGAIN = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT})
"""Refusals that the page with the form shows."""


@router.post("/app/ordenes/{number}/preguntas")
async def ask(
    number: str, desk: Annotated[Desk, Depends(OrderPage(Action.ASK_QUESTION))]
) -> Response:
    """Ask the client or the team."""
    form = await desk.form()
    body = {
        "pregunta": form.text("pregunta"),
        "destinatario": form.text("destinatario"),
        "opciones": [line.strip() for line in form.text("opciones").split("\n") if line.strip()],
        "bloquea": bool(form.text("bloquea")),
    }
    try:
        await desk.api.ask("POST", path_of("orders", number, "preguntas"), body=body, key=form.key)
    except Refused as refusal:
        return await _questions_again(desk, number, form, refusal, "nueva")
    told = desk.r.t("Enviaste la pregunta", "You sent the question")
    return desk.done(f"/app/ordenes/{number}/preguntas", told)


@router.post("/app/ordenes/{number}/preguntas/{question}")
async def answer(
    number: str,
    question: str,
    desk: Annotated[Desk, Depends(OrderPage(Action.ANSWER_QUESTION))],
) -> Response:
    """Answer a question of the team, or the client's in their name."""
    form = await desk.form()
    path = path_of("orders", number, "preguntas", question, "respuesta")
    try:
        await desk.api.ask("POST", path, body={"respuesta": form.text("respuesta")}, key=form.key)
    except Refused as refusal:
        return await _questions_again(desk, number, form, refusal, question)
    told = desk.r.t("Respondiste; la orden sigue", "You answered; the order goes on")
    return desk.done(f"/app/ordenes/{number}/preguntas", told)


async def _questions_again(
    desk: Desk, number: str, form: Form, refusal: Refused, refused: str
) -> HTMLResponse:
    if refusal.status not in _SHOWN_AGAIN:
        raise refusal
    return await questions_page(
        desk,
        number,
        refusal.status,
        tried={name: values[-1] for name, values in form.fields.items()},
        problems=refusal.fields,
        problem=refusal.sentence,
        refused=refused,
    )


@router.post("/app/ordenes/{number}/enlaces")
async def new_link(number: str, desk: Links) -> Response:
    """Issue another link to the client's page; the one before stops."""
    form = await desk.form()
    sent = bool(form.text("enviar"))
    path = path_of("orders", number, "portal-links")
    await desk.api.ask("POST", path, body={"enviar": sent}, key=form.key)
    told = (
        desk.r.t("El enlace nuevo va por correo al cliente", "The new link is mailed to the client")
        if sent
        else desk.r.t("Hay un enlace nuevo; cópialo y pásalo tú", "There is a new link: copy it")
    )
    return desk.done(f"/app/ordenes/{number}/entrega", told)


@router.post("/app/ordenes/{number}/enlaces/{link}/revocar")
async def revoke_link(number: str, link: str, desk: Links) -> Response:
    """End a link to the client's page."""
    form = await desk.form()
    await desk.api.ask("DELETE", path_of("orders", number, "portal-links", link), key=form.key)
    told = desk.r.t("El enlace ya no abre", "The link no longer opens")
    return desk.done(f"/app/ordenes/{number}/entrega", told)


@router.post("/app/ordenes/{number}/credenciales")
async def reveal(
    number: str, desk: Annotated[Desk, Depends(OrderPage(Action.REVEAL_CREDENTIALS))]
) -> Response:
    """Show the product's credentials, on this answer alone: no address shows them again."""
    form = await desk.form()
    path = path_of("orders", number, "credentials", "reveal")
    try:
        # Without an Idempotency-Key: a stored answer would hold them.
        revealed = await desk.api.ask("POST", path)
    except Refused as refusal:
        if refusal.status not in _SHOWN_AGAIN:
            raise
        return await delivery_page(desk, number, refusal.status, problem=refusal.sentence)
    del form  # read for its token
    return await delivery_page(desk, number, credentials=revealed.document["credentials"])


@router.get("/app/ordenes/{number}/datos")
async def data(number: str, desk: Corrects) -> HTMLResponse:
    """Show the form that corrects the order."""
    order = await desk.get("orders", number)
    return await _data_page(desk, order, _values_of(order))


@router.post("/app/ordenes/{number}/datos")
async def correct(number: str, desk: Corrects) -> Response:
    """Correct what was changed in the form, unless the order has changed since it was shown."""
    form = await desk.form()
    typed = {name: form.text(name) for name in _FIELDS}
    was = {name: form.text(f"antes_{name}") for name in _FIELDS}
    changed = {name: typed[name] for name in _FIELDS if typed[name] != was[name]}
    if not changed:
        told = desk.r.t("No había nada que cambiar", "There was nothing to change")
        return desk.done(f"/app/ordenes/{number}", told, "work")
    try:
        await desk.api.ask(
            "PATCH",
            path_of("orders", number),
            body=_body(changed),
            key=form.key,
            version=form.number("version"),
        )
    except Refused as refusal:
        order = await desk.get("orders", number)
        if refusal.status == HTTPStatus.PRECONDITION_FAILED:
            return await _stale_data(desk, order, typed, was, refusal)
        if refusal.status not in _SHOWN_AGAIN:
            raise
        return await _data_page(desk, order, typed, refusal.status, refusal=refusal, was=was)
    told = desk.r.t("Guardaste los cambios", "You saved the changes")
    return desk.done(f"/app/ordenes/{number}", told)


_FIELDS = ("nombre_producto", "prioridad", "tags", "notas_internas")


def _values_of(order: Json) -> dict[str, str]:
    """Return the order's data as the form writes them."""
    return {
        "nombre_producto": order["nombre_producto"],
        "prioridad": order["prioridad"],
        "tags": ", ".join(order["tags"]),
        "notas_internas": order["notas_internas"] or "",
    }


def _body(changed: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = dict(changed)
    if "tags" in body:
        body["tags"] = [tag.strip() for tag in changed["tags"].split(",") if tag.strip()]
    return body


async def _stale_data(
    desk: Desk, order: Json, typed: Mapping[str, str], was: Mapping[str, str], refusal: Refused
) -> HTMLResponse:
    """Show the form again with what others have changed; what was typed stays."""
    now = _values_of(order)
    theirs = {name: now[name] for name in _FIELDS if now[name] != was[name]}
    mine = {name: typed[name] if typed[name] != was[name] else now[name] for name in _FIELDS}
    return await _data_page(desk, order, mine, refusal.status, theirs=theirs)


async def _data_page(
    desk: Desk,
    order: Json,
    values: Mapping[str, str],
    status: int = HTTPStatus.OK,
    *,
    refusal: Refused | None = None,
    theirs: Mapping[str, str] | None = None,
    was: Mapping[str, str] | None = None,
) -> HTMLResponse:
    return await order_page(
        desk,
        order["order_number"],
        "datos",
        "desk/order/data.html",
        status,
        order=order,
        values=values,
        was=was or _values_of(order),
        problems=refusal.fields if refusal else {},
        problem=refusal.sentence if refusal and not refusal.fields else "",
        theirs=theirs,
        back=path_of_order(order),
    )
