"""API keys of systems, and system tokens of agents: made, shown once, rotated, revoked."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from axon_factory.domain.permissions import Action
from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Json, Refused, path_of
from axon_factory.web.desk.acts import Field
from axon_factory.web.desk.confirming import Confirmation, confirm
from axon_factory.web.forms import Form
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PATH = "/app/claves"
_KEYS = Annotated[Desk, Depends(page_for(Action.MANAGE_KEYS))]
_AGAIN = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT})
_GRACE = Field(
    "gracia_horas",
    Sentence("Horas que la anterior sirve todavía", "Hours that the old one serves on"),
    Sentence(
        "Hasta 168. Con 0 la anterior termina ahora.",
        "Up to 168. With 0 the old one ends now.",
    ),
    kind="number",
)


@router.get(_PATH)
async def keys_page(desk: _KEYS) -> HTMLResponse:
    """List keys and tokens, those that serve first."""
    keys = (await desk.get("keys"))["api_keys"]
    tokens = (await desk.get("system-tokens"))["system_tokens"]
    people = await desk.get_or_none("users", query={"limit": 200})
    names = {f"user:{one['id']}": one["nombre"] for one in (people or {}).get("users", ())}
    return await desk.page(
        "desk/keys.html", keys=_serving_first(keys), tokens=_serving_first(tokens), names=names
    )


@router.get(_PATH + "/nueva")
async def new_key_page(desk: _KEYS) -> HTMLResponse:
    """Ask which system the key is for, what it may, and for how long."""
    return await _new(desk, "desk/key_new.html")


@router.post(_PATH + "/nueva")
async def create_key(desk: _KEYS) -> Response:
    """Make the key, and show it this once."""
    form = await desk.form()
    days = form.text("vence_en_dias")
    body = {
        "nombre": form.text("nombre"),
        "permiso": form.text("permiso"),
        "vence_en_dias": (form.number("vence_en_dias") or days) if days else None,
    }
    try:
        answer = await desk.api.ask("POST", path_of("keys"), body=body, key=form.key)
    except Refused as refusal:
        return await _new(desk, "desk/key_new.html", form, refusal)
    return await _shown_once(desk, answer.document, "api_key")


@router.get(_PATH + "/tokens/nuevo")
async def new_token_page(desk: _KEYS) -> HTMLResponse:
    """Ask which agent the token is for, and what it does."""
    return await _new(desk, "desk/token_new.html")


@router.post(_PATH + "/tokens/nuevo")
async def create_token(desk: _KEYS) -> Response:
    """Make the token, and show it this once."""
    form = await desk.form()
    body = {"agente": form.text("agente"), "rol": form.text("rol")}
    try:
        answer = await desk.api.ask("POST", path_of("system-tokens"), body=body, key=form.key)
    except Refused as refusal:
        return await _new(desk, "desk/token_new.html", form, refusal)
    return await _shown_once(desk, answer.document, "system_token")


@router.get(_PATH + "/{id}/rotar")
async def rotation_page(id: str, desk: _KEYS) -> HTMLResponse:
    """Say what a rotation does, and ask how long the old key serves on."""
    key = await desk.get("keys", id)
    return await confirm(desk, _rotation(key), Form({"gracia_horas": ("24",)}))


@router.post(_PATH + "/{id}/rotar")
async def rotate(id: str, desk: _KEYS) -> Response:
    """Make the next key, and show it this once."""
    form = await desk.form()
    hours = form.number("gracia_horas")
    body = {"gracia_horas": form.text("gracia_horas") if hours is None else hours}
    try:
        answer = await desk.api.ask("POST", path_of("keys", id, "rotate"), body=body, key=form.key)
    except Refused as refusal:
        if refusal.status not in _AGAIN:
            raise
        return await confirm(desk, _rotation(await desk.get("keys", id)), form, refusal)
    return await _shown_once(desk, answer.document, "api_key")


@router.get(_PATH + "/{id}/revocar")
async def revocation_page(id: str, desk: _KEYS) -> HTMLResponse:
    """Say what revoking does to the system that uses the key."""
    key = await desk.get("keys", id)
    return await confirm(desk, _revocation(f"{_PATH}/{id}/revocar", key["nombre"]))


@router.post(_PATH + "/{id}/revocar")
async def revoke(id: str, desk: _KEYS) -> Response:
    """End the key."""
    form = await desk.form()
    await desk.api.ask("DELETE", path_of("keys", id), key=form.key)
    return desk.done(_PATH, desk.r.t("La clave ya no sirve.", "The key serves no more."))


@router.get(_PATH + "/tokens/{id}/revocar")
async def token_revocation_page(id: str, desk: _KEYS) -> HTMLResponse:
    """Say what revoking does to the agent that uses the token."""
    token = await desk.get("system-tokens", id)
    return await confirm(desk, _revocation(f"{_PATH}/tokens/{id}/revocar", token["agente"]))


@router.post(_PATH + "/tokens/{id}/revocar")
async def revoke_token(id: str, desk: _KEYS) -> Response:
    """End the token."""
    form = await desk.form()
    await desk.api.ask("DELETE", path_of("system-tokens", id), key=form.key)
    return desk.done(_PATH, desk.r.t("El token ya no sirve.", "The token serves no more."))


def _serving_first(found: list[Json]) -> list[Json]:
    return sorted(found, key=lambda one: one["estado"] != "activa")


async def _new(
    desk: Desk, template: str, form: Form | None = None, refusal: Refused | None = None
) -> HTMLResponse:
    if refusal and refusal.status not in _AGAIN:
        raise refusal
    return await desk.page(
        template,
        refusal.status if refusal else HTTPStatus.OK,
        value=(form or Form({})).text,
        problems=refusal.fields if refusal else {},
        problem=refusal.sentence if refusal and not refusal.fields else "",
    )


async def _shown_once(desk: Desk, made: Json, name: str) -> HTMLResponse:
    return await desk.page(
        "desk/secret.html",
        title=desk.r.t("Cópiala ahora", "Copy it now"),
        name=made.get("nombre") or made["agente"],
        secret=made[name],
        header={"api_key": "X-API-Key", "system_token": "X-System-Token"}[name],
        explains="",
        back=_PATH,
    )


def _rotation(key: Json) -> Confirmation:
    title = Sentence("Rotar la clave", "Rotate the key")
    return Confirmation(
        f"{_PATH}/{key['id']}/rotar",
        _PATH,
        key["nombre"],
        title,
        Sentence(
            "Se crea otra clave con el mismo permiso. La anterior sirve todavía las horas que "
            "digas, para que el sistema cambie sin cortes.",
            "Another key with the same scope is made. The old one serves on for the hours that "
            "you say, so that the system changes over without a gap.",
        ),
        title,
        (_GRACE,),
    )


def _revocation(path: str, name: str) -> Confirmation:
    return Confirmation(
        path,
        _PATH,
        name,
        Sentence("Revocar", "Revoke"),
        Sentence(
            "Deja de servir con la siguiente solicitud, y no se deshace. Lo que la use deja de "
            "funcionar hasta que tenga otra.",
            "It stops serving with the next request, and this cannot be undone. What uses it "
            "stops working until it has another.",
        ),
        Sentence("Revocar ahora", "Revoke now"),
        dangerous=True,
    )
