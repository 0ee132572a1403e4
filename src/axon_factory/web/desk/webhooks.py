"""Destinations of notifications: made with their secret shown once, tried out, paused, removed."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from axon_factory.domain.notifications import NOTIFICATIONS, NotificationKind
from axon_factory.domain.permissions import Action
from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Json, Refused, path_of
from axon_factory.web.desk.acts import Field
from axon_factory.web.desk.confirming import Confirmation, confirm
from axon_factory.web.forms import Form
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["KEEPS", "router", "said_event"]

router = APIRouter(include_in_schema=False)

_PATH = "/app/avisos"
KEEPS = Annotated[Desk, Depends(page_for(Action.MANAGE_NOTIFICATIONS))]
_AGAIN = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})
_AREAS: Mapping[str, Sentence] = MappingProxyType(
    {
        "orden": Sentence("De la orden", "Of the order"),
        "plan": Sentence("Planes que esperan", "Plans that wait"),
        "qa": Sentence("Revisión", "Review"),
        "construccion": Sentence("Construcción", "Building"),
        "producto": Sentence("Productos entregados", "Delivered products"),
        "linea": Sentence("La línea", "The line"),
    }
)
_GRACE = Field(
    "gracia_horas",
    Sentence("Horas que el anterior firma también", "Hours that the old one signs, too"),
    Sentence("Con 0 el anterior termina ahora.", "With 0 the old one ends now."),
    kind="number",
)


def said_event(event: str | None) -> Sentence | str:
    """Return what a notification says; the wire's name of a mail's kind is not for people."""
    try:
        return NOTIFICATIONS[NotificationKind(event or "")].message
    except ValueError:
        return ""


def _choices() -> list[tuple[Sentence, list[tuple[str, Sentence]]]]:
    """Return the kinds that may be chosen, by what they are about; a test goes to any."""
    found: dict[str, list[tuple[str, Sentence]]] = {area: [] for area in _AREAS}
    for kind, told in NOTIFICATIONS.items():
        if kind is not NotificationKind.PRUEBA:
            found[kind.value.partition(".")[0]].append((kind.value, told.message))
    return [(_AREAS[area], kinds) for area, kinds in found.items()]


@router.get(_PATH)
async def destinations_page(desk: KEEPS) -> HTMLResponse:
    """List the destinations, with how many deliveries were given up."""
    found = await desk.get("notifications", "destinations")
    failed = await desk.get(
        "notifications", "deliveries", query={"estado": "abandonada", "limit": 50}
    )
    return await desk.page(
        "desk/webhooks.html", destinations=found["destinations"], failed=failed["count"]
    )


@router.get(_PATH + "/nuevo")
async def new_page(desk: KEEPS) -> HTMLResponse:
    """Ask where notifications are to go, and which."""
    return await _new(desk, Form({}))


@router.post(_PATH + "/nuevo")
async def create(desk: KEEPS) -> Response:
    """Make the destination; the secret of a webhook is shown this once."""
    form = await desk.form()
    body = {"canal": form.text("canal"), "url": form.text("url"), **_wanted(form)}
    path = path_of("notifications", "destinations")
    try:
        made = (await desk.api.ask("POST", path, body=body, key=form.key)).document
    except Refused as refusal:
        if refusal.status not in _AGAIN:
            raise
        return await _new(desk, form, refusal)
    if made["secreto"] is None:
        said = desk.r.t("El destino está listo. Pruébalo.", "The destination is ready. Try it.")
        return desk.done(f"{_PATH}/{made['id']}", said)
    return await _secret(desk, made)


@router.get(_PATH + "/{id}")
async def destination_page(id: str, desk: KEEPS) -> HTMLResponse:
    """Show one destination, its last deliveries, and what can be done."""
    return await _destination(desk, id)


@router.post(_PATH + "/{id}")
async def change(id: str, desk: KEEPS) -> Response:
    """Change name, events and filters."""
    form = await desk.form()
    try:
        await _patch(desk, id, form, _wanted(form))
    except Refused as refusal:
        if refusal.status not in _AGAIN:
            raise
        return await _destination(desk, id, form, refusal)
    return desk.done(f"{_PATH}/{id}", desk.r.t("El destino cambió.", "The destination changed."))


@router.post(_PATH + "/{id}/prueba")
async def try_out(id: str, desk: KEEPS) -> Response:
    """Send a test, and show how its delivery goes."""
    form = await desk.form()
    path = path_of("notifications", "destinations", id, "test")
    try:
        sent = (await desk.api.ask("POST", path, key=form.key)).document
    except Refused as refusal:
        if refusal.status not in _AGAIN:
            raise
        return desk.done(f"{_PATH}/{id}", refusal.sentence, "bad")
    said = desk.r.t("La prueba está en camino.", "The test is on its way.")
    return desk.done(f"{_PATH}/entregas/{sent['id']}", said)


@router.post(_PATH + "/{id}/actividad")
async def pause(id: str, desk: KEEPS) -> Response:
    """Pause the destination, or have it get notifications again."""
    form = await desk.form()
    active = form.text("activo") == "1"
    try:
        await _patch(desk, id, form, {"activo": active})
    except Refused as refusal:
        if refusal.status not in _AGAIN:
            raise
        return desk.done(f"{_PATH}/{id}", refusal.sentence, "bad")
    said = (
        desk.r.t("El destino recibe avisos de nuevo.", "The destination gets notifications again.")
        if active
        else desk.r.t("El destino está en pausa.", "The destination is paused.")
    )
    return desk.done(f"{_PATH}/{id}", said)


@router.get(_PATH + "/{id}/rotar")
async def rotation_page(id: str, desk: KEEPS) -> HTMLResponse:
    """Say what another secret means for the receiver."""
    destination = await desk.get("notifications", "destinations", id)
    return await confirm(desk, _rotation(destination), Form({"gracia_horas": ("24",)}))


@router.post(_PATH + "/{id}/rotar")
async def rotate(id: str, desk: KEEPS) -> Response:
    """Give another secret, and show it this once."""
    form = await desk.form()
    hours = form.number("gracia_horas")
    body = {"gracia_horas": form.text("gracia_horas") if hours is None else hours}
    path = path_of("notifications", "destinations", id, "rotate")
    try:
        made = (await desk.api.ask("POST", path, body=body, key=form.key)).document
    except Refused as refusal:
        if refusal.status not in _AGAIN:
            raise
        destination = await desk.get("notifications", "destinations", id)
        return await confirm(desk, _rotation(destination), form, refusal)
    return await _secret(desk, made)


@router.get(_PATH + "/{id}/eliminar")
async def removal_page(id: str, desk: KEEPS) -> HTMLResponse:
    """Say what is forgotten and what stays."""
    return await confirm(desk, _removal(await desk.get("notifications", "destinations", id)))


@router.post(_PATH + "/{id}/eliminar")
async def remove(id: str, desk: KEEPS) -> Response:
    """Forget address and secret."""
    form = await desk.form()
    path = path_of("notifications", "destinations", id)
    await desk.api.ask("DELETE", path, key=form.key)
    return desk.done(_PATH, desk.r.t("El destino se eliminó.", "The destination was removed."))


def _wanted(form: Form) -> dict[str, object]:
    return {
        "nombre": form.text("nombre"),
        "eventos": form.all("eventos"),
        "clientes": _listed(form.text("clientes")),
        "tags": _listed(form.text("tags")),
    }


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


async def _patch(desk: Desk, id: str, form: Form, body: object) -> None:
    path = path_of("notifications", "destinations", id)
    version = form.number("version")
    await desk.api.ask("PATCH", path, body=body, key=form.key, version=version)


async def _new(desk: Desk, form: Form, refusal: Refused | None = None) -> HTMLResponse:
    return await desk.page(
        "desk/webhook_new.html",
        refusal.status if refusal else HTTPStatus.OK,
        value=form.text,
        chosen=form.all("eventos"),
        choices=_choices(),
        **_faults(refusal),
    )


async def _destination(
    desk: Desk, id: str, form: Form | None = None, refusal: Refused | None = None
) -> HTMLResponse:
    destination = await desk.get("notifications", "destinations", id)
    sent = await desk.get("notifications", "deliveries", query={"destino": id, "limit": 10})
    filled = form or Form(
        {
            "nombre": (destination["nombre"],),
            "clientes": (", ".join(destination["clientes"]),),
            "tags": (", ".join(destination["tags"]),),
        }
    )
    return await desk.page(
        "desk/webhook.html",
        refusal.status if refusal else HTTPStatus.OK,
        destination=destination,
        deliveries=sent["deliveries"],
        value=filled.text,
        chosen=form.all("eventos") if form else destination["eventos"],
        choices=_choices(),
        said_event=said_event,
        **_faults(refusal),
    )


def _faults(refusal: Refused | None) -> dict[str, object]:
    """Return what is wrong, at its field; an item of a list belongs to the list's field."""
    fields = {} if refusal is None else refusal.fields
    problems = {name.partition(".")[0].partition("[")[0]: said for name, said in fields.items()}
    if refusal is not None and refusal.codigo == "destino_existente":
        problems["nombre"] = refusal.sentence
    return {"problems": problems, "problem": refusal.sentence if refusal and not problems else ""}


async def _secret(desk: Desk, made: Json) -> HTMLResponse:
    return await desk.page(
        "desk/secret.html",
        title=desk.r.t("Copia el secreto ahora", "Copy the secret now"),
        name=made["nombre"],
        secret=made["secreto"],
        header="",
        explains=desk.r.t(
            "Con él compruebas que cada aviso viene de esta fábrica (Standard Webhooks).",
            "With it you check that each notification is of this factory (Standard Webhooks).",
        ),
        back=f"{_PATH}/{made['id']}",
    )


def _rotation(destination: Json) -> Confirmation:
    title = Sentence("Cambiar el secreto", "Change the secret")
    return Confirmation(
        f"{_PATH}/{destination['id']}/rotar",
        f"{_PATH}/{destination['id']}",
        destination["nombre"],
        title,
        Sentence(
            "Los avisos llevan la firma de los dos secretos las horas que digas; después, solo la "
            "del nuevo.",
            "Notifications have the signatures of both secrets for the hours that you say; "
            "afterwards that of the new one alone.",
        ),
        title,
        (_GRACE,),
    )


def _removal(destination: Json) -> Confirmation:
    title = Sentence("Eliminar el destino", "Remove the destination")
    return Confirmation(
        f"{_PATH}/{destination['id']}/eliminar",
        f"{_PATH}/{destination['id']}",
        destination["nombre"],
        title,
        Sentence(
            "La fábrica olvida su dirección y su secreto, y lo que esperaba se abandona. Las "
            "entregas quedan en el registro. Para dejar de enviar por un tiempo, ponlo en pausa.",
            "The factory forgets its address and secret, and gives up what was waiting. The "
            "deliveries stay on record. To stop sending for a while, pause it.",
        ),
        title,
        dangerous=True,
    )
