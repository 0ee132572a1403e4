"""Acts on many chosen orders: what would be done to how many is shown before it is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from axon_factory.domain.permissions import Action
from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Json, Refused, path_of
from axon_factory.web.desk.filters import ORDERS
from axon_factory.web.forms import Form
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["ACTS_ON_MANY", "ActOnMany", "router"]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ActOnMany:
    """An act of `POST /api/orders/bulk`: its words, and what it asks."""

    label: Sentence
    explains: Sentence
    asks: str
    """The field of its form: motivo, prioridad, etiquetas or none."""
    dangerous: bool = False


ACTS_ON_MANY: Mapping[str, ActOnMany] = MappingProxyType(
    {
        "prioridad": ActOnMany(
            Sentence("Prioridad…", "Priority…"),
            Sentence("Cambia su lugar en la cola.", "It changes their place in the queue."),
            "prioridad",
        ),
        "tag": ActOnMany(
            Sentence("Etiquetas…", "Tags…"),
            Sentence("Se agregan y se quitan etiquetas.", "Tags are added and taken away."),
            "etiquetas",
        ),
        "retry": ActOnMany(
            Sentence("Reintentar…", "Try again…"),
            Sentence(
                "Las que fallaron siguen desde donde fallaron.",
                "Those that failed go on from where they failed.",
            ),
            "",
        ),
        "cancel": ActOnMany(
            Sentence("Cancelar…", "Cancel…"),
            Sentence(
                "Se detiene lo que esté en curso y cada cliente recibe un correo. No se deshace.",
                "What is running stops and each client gets a mail. It cannot be undone.",
            ),
            "motivo",
            dangerous=True,
        ),
    }
)
"""By the API's names."""
_PATH = f"{ORDERS}/varias"


@router.post(_PATH)
async def act_on_many(desk: Annotated[Desk, Depends(page_for(Action.BULK_ORDERS))]) -> Response:
    """Show what the act would reach; do it once that was confirmed."""
    form = await desk.form()
    name = form.text("acto")
    act = ACTS_ON_MANY.get(name)
    chosen = form.all("orden_id")
    back = form.text("volver") if form.text("volver").startswith(ORDERS) else ORDERS
    if act is None or not chosen:
        said = desk.r.t("Elige primero alguna orden.", "Choose an order first.")
        return desk.done(back, said, "you")
    if form.text("confirmado"):
        return await _do(desk, form, name, act, chosen, back)
    preview = await _ask(desk, {**_tried(name), "accion": name, "ids": chosen, "preview": True})
    return await _page(desk, form, name, act, chosen, back, preview)


async def _do(
    desk: Desk, form: Form, name: str, act: ActOnMany, chosen: list[str], back: str
) -> Response:
    body = {**_given(form, name), "accion": name, "ids": chosen}
    try:
        done = await _ask(desk, body, form.key)
    except Refused as refusal:
        if refusal.status != HTTPStatus.BAD_REQUEST:
            raise
        trial = {**_tried(name), "accion": name, "ids": chosen, "preview": True}
        preview = await _ask(desk, trial)
        return await _page(desk, form, name, act, chosen, back, preview, refusal)
    if not done["rechazadas"]:
        count = done["aplicadas"]
        said = desk.r.t(
            "Se hizo en 1 orden." if count == 1 else f"Se hizo en {count} órdenes.",
            "It was done to 1 order." if count == 1 else f"It was done to {count} orders.",
        )
        return desk.done(back, said)
    return await desk.page("desk/bulk_done.html", done=done, act=act, back=back)


async def _page(
    desk: Desk,
    form: Form,
    name: str,
    act: ActOnMany,
    chosen: list[str],
    back: str,
    preview: Json,
    refusal: Refused | None = None,
) -> Response:
    reached = preview["total"] - preview["rechazadas"]
    return await desk.page(
        "desk/bulk.html",
        refusal.status if refusal else HTTPStatus.OK,
        preview=preview,
        reached=reached,
        name=name,
        act=act,
        chosen=chosen,
        back=back,
        path_of_form=_PATH,
        problems=refusal.fields if refusal else {},
        problem=refusal.sentence if refusal and not refusal.fields else "",
        value=form.text,
    )


async def _ask(desk: Desk, body: Mapping[str, Any], key: str | None = None) -> Json:
    return (await desk.api.ask("POST", path_of("orders", "bulk"), body=body, key=key)).document


def _tried(name: str) -> dict[str, Any]:
    """Return what the API wants of an act before anybody has said it; a preview keeps nothing."""
    match name:
        case "cancel":
            return {"motivo": "—"}
        case "prioridad":
            return {"prioridad": "normal"}
        case "tag":
            return {"agregar": ["—"]}
        case _:
            return {}


def _given(form: Form, name: str) -> dict[str, Any]:
    """Return what the form says of the act."""
    match name:
        case "cancel":
            return {"motivo": form.text("motivo")}
        case "prioridad":
            return {"prioridad": form.text("prioridad")}
        case "tag":
            return {"agregar": _tags(form, "agregar"), "quitar": _tags(form, "quitar")}
        case _:
            return {}


def _tags(form: Form, name: str) -> list[str]:
    return [part.strip() for part in form.text(name).split(",") if part.strip()]
