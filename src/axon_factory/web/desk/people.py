"""People: who may enter, as what; inviting, changing, and taking access away."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from axon_factory.domain.permissions import Action, Role
from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Json, Refused, path_of
from axon_factory.web.desk.confirming import Confirmation, confirm
from axon_factory.web.forms import Form
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PATH = "/app/personas"
_A_PAGE = 50
_PEOPLE = Annotated[Desk, Depends(page_for(Action.MANAGE_USERS))]
_SHOWN_AGAIN = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT})
_CHANGED = frozenset({*_SHOWN_AGAIN, HTTPStatus.PRECONDITION_FAILED})


@router.get(_PATH)
async def people_page(desk: _PEOPLE, desde: str = "") -> HTMLResponse:
    """List everybody by address."""
    skipped = int(desde) if desde.isascii() and desde.isdecimal() and len(desde) < 10 else 0  # noqa: PLR2004 — more digits than there are people
    page = await desk.get("users", query={"limit": _A_PAGE, "offset": skipped})
    return await desk.page("desk/people.html", page=page, standing=_standing)


@router.get(_PATH + "/invitar")
async def invitation_page(desk: _PEOPLE) -> HTMLResponse:
    """Ask whom to invite, as what, in which language."""
    return await _invitation(desk, Form({}))


@router.post(_PATH + "/invitar")
async def invite(desk: _PEOPLE) -> Response:
    """Make the account, and send the link by which the person chooses a password."""
    form = await desk.form()
    body = {
        "email": form.text("email"),
        "nombre": form.text("nombre"),
        "rol": form.text("rol"),
        "cliente_id": form.text("cliente_id") or None,
        "idioma": form.text("idioma") or desk.r.language,
        "invitar": True,
    }
    try:
        user = (await desk.api.ask("POST", path_of("users"), body=body, key=form.key)).document
    except Refused as refusal:
        if refusal.status not in _SHOWN_AGAIN:
            raise
        return await _invitation(desk, form, refusal)
    said = desk.r.t(
        f"Invitaste a {user['nombre']}. El enlace va por correo a {user['email']}.",
        f"You invited {user['nombre']}. The link goes by mail to {user['email']}.",
    )
    return desk.done(_PATH, said)


@router.get(_PATH + "/{number}")
async def person_page(number: str, desk: _PEOPLE) -> HTMLResponse:
    """Show one person, and what can be done about their access."""
    return await _person(desk, await desk.get("users", number))


@router.post(_PATH + "/{number}")
async def change(number: str, desk: _PEOPLE) -> Response:
    """Change name, role or client; nothing is changed over another's change."""
    form = await desk.form()
    role = form.text("rol")
    body: dict[str, object] = {"nombre": form.text("nombre")}
    if role:
        body["rol"] = role
    if role == Role.CLIENT:
        body["cliente_id"] = form.text("cliente_id") or None
    try:
        await _patch(desk, number, form, body)
    except Refused as refusal:
        if refusal.status not in _CHANGED:
            raise
        return await _person(desk, await desk.get("users", number), form, refusal)
    return desk.done(f"{_PATH}/{number}", desk.r.t("Los datos cambiaron.", "The data changed."))


@router.post(_PATH + "/{number}/invitacion")
async def invite_again(number: str, desk: _PEOPLE) -> Response:
    """Send another link; the one before stops serving."""
    form = await desk.form()
    body = {"idioma": form.text("idioma") or desk.r.language}
    path = path_of("users", number, "invite")
    return await _do(desk, number, "POST", path, form, body)


@router.get(_PATH + "/{number}/acceso")
async def access_page(number: str, desk: _PEOPLE) -> HTMLResponse:
    """Say what it means to take this person's access away, or to give it back."""
    return await confirm(desk, _access(await desk.get("users", number)))


@router.post(_PATH + "/{number}/acceso")
async def change_access(number: str, desk: _PEOPLE) -> Response:
    """Switch the account off or on."""
    form = await desk.form()
    active = form.text("activo") == "1"
    try:
        await _patch(desk, number, form, {"activo": active})
    except Refused as refusal:
        if refusal.status not in _CHANGED:
            raise
        user = await desk.get("users", number)
        return await confirm(desk, _access(user), form, refusal)
    said = (
        desk.r.t("La cuenta está activa de nuevo.", "The account is active again.")
        if active
        else desk.r.t("La cuenta está desactivada.", "The account is switched off.")
    )
    return desk.done(f"{_PATH}/{number}", said)


@router.get(_PATH + "/{number}/sesiones")
async def sessions_page(number: str, desk: _PEOPLE) -> HTMLResponse:
    """Say what ending the sessions does."""
    return await confirm(desk, _sessions(await desk.get("users", number)))


@router.post(_PATH + "/{number}/sesiones")
async def end_sessions(number: str, desk: _PEOPLE) -> Response:
    """Have the person sign in anew everywhere."""
    form = await desk.form()
    return await _do(desk, number, "POST", path_of("users", number, "logout"), form, None)


async def _do(
    desk: Desk, number: str, method: str, path: str, form: Form, body: object
) -> Response:
    """Do what needs nothing more, and say on the person's page how it went."""
    back = f"{_PATH}/{number}"
    try:
        answer = await desk.api.ask(method, path, body=body, key=form.key)
    except Refused as refusal:
        if refusal.status not in _CHANGED:
            raise
        return desk.done(back, refusal.sentence, "bad")
    return desk.done(back, answer.document["message"] + ".")


async def _patch(desk: Desk, number: str, form: Form, body: object) -> None:
    path, version = path_of("users", number), form.number("version")
    await desk.api.ask("PATCH", path, body=body, key=form.key, version=version)


async def _invitation(desk: Desk, form: Form, refusal: Refused | None = None) -> HTMLResponse:
    return await desk.page(
        "desk/invite.html",
        refusal.status if refusal else HTTPStatus.OK,
        value=form.text,
        problems=_problems(refusal),
        problem=_said(refusal),
    )


async def _person(
    desk: Desk, user: Json, form: Form | None = None, refusal: Refused | None = None
) -> HTMLResponse:
    held = {name: user[name] or "" for name in ("nombre", "rol", "cliente_id")}
    if form is not None:
        held = {name: form.text(name) for name in held}
    return await desk.page(
        "desk/person.html",
        refusal.status if refusal else HTTPStatus.OK,
        user=user,
        held=held,
        standing=_standing,
        is_self=desk.who.id == f"user:{user['id']}",
        problems=_problems(refusal),
        problem=_said(refusal),
    )


def _standing(user: Json) -> tuple[str, str, Sentence]:
    """Return hue, icon and words for how an account stands."""
    if not user["activo"]:
        return "idle", "ban", Sentence("desactivada", "switched off")
    if user["debe_cambiar_password"] and user["last_login_at"] is None:
        return "you", "mail", Sentence("sin contraseña todavía", "no password yet")
    return "go", "check", Sentence("activa", "active")


def _problems(refusal: Refused | None) -> dict[str, str]:
    """Return what is wrong at its field; an address that is taken belongs to its own."""
    if refusal is None:
        return {}
    taken = {"email": refusal.sentence} if refusal.codigo == "correo_en_uso" else {}
    return refusal.fields | taken


def _said(refusal: Refused | None) -> str:
    return "" if refusal is None or _problems(refusal) else refusal.sentence


def _access(user: Json) -> Confirmation:
    path, about = f"{_PATH}/{user['id']}/acceso", f"{user['nombre']} · {user['email']}"
    back = f"{_PATH}/{user['id']}"
    hidden = {"version": user["version"], "activo": 0 if user["activo"] else 1}
    if user["activo"]:
        title = Sentence("Desactivar la cuenta", "Switch the account off")
        explains = Sentence(
            "Ya no puede entrar: sus sesiones y sus enlaces terminan ahora. Lo que hizo queda, "
            "y puedes activarla de nuevo.",
            "They can no longer sign in: their sessions and links end now. What they did stays, "
            "and you can switch it on again.",
        )
    else:
        title = Sentence("Activar la cuenta", "Switch the account on")
        explains = Sentence(
            "Puede entrar de nuevo con la contraseña que tenía.",
            "They can sign in again with the password that they had.",
        )
    return Confirmation(
        path, back, about, title, explains, title, hidden=hidden, dangerous=user["activo"]
    )


def _sessions(user: Json) -> Confirmation:
    return Confirmation(
        f"{_PATH}/{user['id']}/sesiones",
        f"{_PATH}/{user['id']}",
        f"{user['nombre']} · {user['email']}",
        Sentence("Cerrar sus sesiones", "End their sessions"),
        Sentence(
            "Sale de todos los equipos donde entró. Para entrar de nuevo le basta su contraseña.",
            "They are signed out everywhere. To sign in again, their password is enough.",
        ),
        Sentence("Cerrar sus sesiones", "End their sessions"),
    )
