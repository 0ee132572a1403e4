"""One's own account: sign in and out, password, sessions, language."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.accounts.errors import InvalidCredentials, PasswordQueueFull, TooManyAttempts
from axon_factory.accounts.sessions import Client
from axon_factory.domain.permissions import Action
from axon_factory.web.backend import Refused
from axon_factory.web.forms import form_token, keep_visit, read_form, see, set_cookie
from axon_factory.web.language import LANGUAGE_COOKIE
from axon_factory.web.rendering import plain_page
from axon_factory.web.signed_in import Desk, PageGuard, home_of, page_for, visitor_of
from axon_factory.web.site import reader, site_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_OWN = PageGuard(Action.READ_SELF, before_password_change=True)
_CHANGE = PageGuard(Action.CHANGE_PASSWORD, before_password_change=True)
_A_YEAR = 365 * 24 * 3600


@router.get("/entrar")
async def sign_in_page(request: Request, volver: str = "") -> Response:
    """Ask for address and password; who is signed in goes on at once."""
    visitor = await visitor_of(request)
    if visitor is not None:
        return see(_inside(volver) or home_of(visitor.principal))
    return _sign_in(request, volver=volver)


@router.post("/entrar")
async def sign_in(request: Request) -> Response:
    """Begin a session, and go where the person wanted to."""
    form = await read_form(request)
    site, email = site_of(request), form.text("correo")
    password = form.fields.get("contrasena", ("",))[-1]
    try:
        cookie = await site.sessions.open(email, password, _client(request))
    except (InvalidCredentials, TooManyAttempts, PasswordQueueFull) as refusal:
        looks = reader(request)
        said = refusal.message_en if looks.english else refusal.message
        if isinstance(refusal, InvalidCredentials):
            said = looks.t(
                "El correo y la contraseña no coinciden, o la cuenta no está activa.",
                "Address and password do not go together, or the account is not active.",
            )
        return _sign_in(
            request, refusal.status, volver=form.text("volver"), email=email, problem=said
        )
    visitor = await site.sessions.visitor(cookie)
    home = home_of(visitor.principal) if visitor else "/entrar"
    answer = see(_inside(form.text("volver")) or home)
    lifetime = int(site.sessions.lifetime.total_seconds())
    set_cookie(request, answer, site.session_cookie, cookie, lifetime)
    answer.delete_cookie(site.visit_cookie, path="/")
    return answer


@router.post("/salir")
async def sign_out(request: Request, desk: Annotated[Desk, Depends(_OWN)]) -> Response:
    """End the session in every process."""
    await desk.form()
    site = site_of(request)
    await site.sessions.end(desk.visitor)
    answer = see("/entrar")
    answer.delete_cookie(site.session_cookie, path="/")
    return answer


@router.get("/cuenta")
async def account_page(desk: Annotated[Desk, Depends(_OWN)]) -> HTMLResponse:
    """Show who one is, where one is signed in, and the language."""
    return await _account(desk)


@router.post("/cuenta/sesiones/cerrar")
async def end_others(desk: Annotated[Desk, Depends(page_for(Action.END_SESSIONS))]) -> Response:
    """End every session of the person, this one too."""
    form = await desk.form()
    await desk.api.ask("POST", "/api/auth/logout", body={"todas": True}, key=form.key)
    return see("/entrar")


@router.get("/cuenta/contrasena")
async def password_page(desk: Annotated[Desk, Depends(_CHANGE)]) -> HTMLResponse:
    """Ask for the present and the new password, with the rule before anything is typed."""
    return await _password(desk, {})


@router.post("/cuenta/contrasena")
async def change_password(desk: Annotated[Desk, Depends(_CHANGE)]) -> Response:
    """Change the password; the person's other sessions end."""
    form = await desk.form()
    raw = {name: values[-1] for name, values in form.fields.items()}
    if raw.get("nueva") != raw.get("repetida"):
        problem = desk.r.t("Las dos no son iguales", "The two are not the same")
        return await _password(desk, {"repetida": problem}, HTTPStatus.BAD_REQUEST)
    body = {"password_actual": raw.get("actual", ""), "password_nueva": raw.get("nueva", "")}
    try:
        await desk.api.ask("POST", "/api/auth/password", body=body, key=form.key)
    except Refused as refusal:
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            raise
        names = {"password_actual": "actual", "password_nueva": "nueva"}
        problems = {names.get(name, "nueva"): said for name, said in refusal.fields.items()}
        problems = problems or {"actual": refusal.sentence}
        return await _password(desk, problems, refusal.status)
    said = desk.r.t("Tu contraseña cambió.", "Your password has changed.")
    return desk.done(home_of(desk.who), said)


@router.post("/idioma")
async def choose_language(request: Request) -> Response:
    """Keep the language that was chosen, and show the page before in it."""
    form = await read_form(request)
    answer = see(_inside(form.text("volver")) or "/")
    chosen = form.text("idioma")
    if chosen in {"es", "en"}:
        set_cookie(request, answer, LANGUAGE_COOKIE, chosen, _A_YEAR)
    return answer


def _sign_in(
    request: Request,
    status: int = HTTPStatus.OK,
    *,
    volver: str = "",
    email: str = "",
    problem: str = "",
) -> HTMLResponse:
    page = plain_page(
        request,
        "account/sign_in.html",
        status,
        csrf=form_token(request),
        volver=_inside(volver) or "",
        email=email,
        problem=problem,
    )
    keep_visit(request, page)
    return page


async def _account(desk: Desk) -> HTMLResponse:
    sessions = await desk.get("auth", "sessions")
    return await desk.page("account/account.html", sessions=sessions["sessions"])


async def _password(
    desk: Desk, problems: dict[str, str], status: int = HTTPStatus.OK
) -> HTMLResponse:
    is_first = desk.who.must_change_password
    return await desk.page("account/password.html", status, problems=problems, is_first=is_first)


def _client(request: Request) -> Client:
    return Client(
        request.client.host if request.client else "",
        request.headers.get("user-agent", ""),
        getattr(request.state, "request_id", None),
    )


def _inside(address: str) -> str | None:
    """Return the address if it is a path of this site, None for any other."""
    parts = urlsplit(address)
    is_path = address.startswith("/") and not address.startswith(("//", "/\\"))
    if not is_path or parts.scheme or parts.netloc or "\\" in address or not address.isprintable():
        return None
    return address
