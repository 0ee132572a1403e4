"""Links of accounts: a first password by invitation, another one after it was forgotten.

The link's token is the last part of the address and is all that proves who opens it. The page sends
no referrer, and the form that uses the link up leads away from the address.
"""

from dataclasses import replace
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.accounts.errors import InvalidCredentials, PasswordQueueFull, TooManyAttempts
from axon_factory.accounts.sessions import Client
from axon_factory.web.backend import Backend, Json, Refused
from axon_factory.web.forms import form_token, keep_visit, read_form, see, set_cookie
from axon_factory.web.language import LANGUAGE_COOKIE
from axon_factory.web.rendering import plain_page
from axon_factory.web.signed_in import home_of
from axon_factory.web.site import reader, site_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_SHORTEST_OF_CLIENTS, _SHORTEST = 8, 15


@router.get("/cuenta/enlace/{token}")
async def link_page(request: Request, token: str) -> Response:
    """Say who the link is for and what it does, with the rule before anything is typed."""
    try:
        link = await _checked(request, token)
    except Refused as refusal:
        return _ended(request, refusal)
    return _link(request, link, {})


@router.post("/cuenta/enlace/{token}")
async def use_link(request: Request, token: str) -> Response:
    """Set the password that was chosen, sign the person in, and go where they begin."""
    form = await read_form(request)
    try:
        link = await _checked(request, token)
    except Refused as refusal:
        return _ended(request, refusal)
    password = form.fields.get("nueva", ("",))[-1]
    if password != form.fields.get("repetida", ("",))[-1]:
        said = reader(request).t("Las dos no son iguales", "The two are not the same")
        return _link(request, link, {"repetida": said}, HTTPStatus.BAD_REQUEST)
    try:
        body = {"token": token, "password_nueva": password}
        await _anonymous(request).ask("POST", "/api/auth/password/reset", body=body)
    except Refused as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            return _ended(request, refusal)
        said = refusal.fields.get("password_nueva") or refusal.sentence
        return _link(request, link, {"nueva": said}, refusal.status)
    return await _signed_in(request, link["email"], password)


@router.get("/cuenta/olvido")
async def forgotten_page(request: Request) -> Response:
    """Ask for the address of the account."""
    return _forgotten(request)


@router.post("/cuenta/olvido")
async def forgotten(request: Request) -> Response:
    """Have a link sent; the answer is the same for an address without an account."""
    form = await read_form(request)
    email, language = form.text("correo"), reader(request).language
    body = {"email": email, "idioma": language}
    try:
        answer = await _anonymous(request).ask("POST", "/api/auth/password/forgot", body=body)
    except Refused as refusal:
        said = refusal.fields.get("email") or refusal.sentence
        return _forgotten(request, refusal.status, email=email, problem=said)
    return _forgotten(request, email=email, sent=answer.document["message"])


async def _checked(request: Request, token: str) -> Json:
    """Return whose link it is; the page speaks the mail's language unless another was chosen.

    Raises:
        Refused: the link does not serve.
    """
    body = {"token": token}
    link = (await _anonymous(request).ask("POST", "/api/auth/links/check", body=body)).document
    if LANGUAGE_COOKIE not in request.cookies:
        looks = reader(request)
        if link["idioma"] != looks.language:
            request.state.reader = replace(looks, english=link["idioma"] == "en")
            return await _checked(request, token)  # the rule's sentence is in that language, too
    return link


async def _signed_in(request: Request, email: str, password: str) -> Response:
    """Begin a session with the new password; if that cannot be now, the person signs in."""
    site = site_of(request)
    client = Client(
        request.client.host if request.client else "",
        request.headers.get("user-agent", ""),
        getattr(request.state, "request_id", None),
    )
    try:
        cookie = await site.sessions.open(email, password, client)
    except (InvalidCredentials, TooManyAttempts, PasswordQueueFull):
        return see("/entrar")
    visitor = await site.sessions.visitor(cookie)
    answer = see(home_of(visitor.principal) if visitor else "/entrar")
    lifetime = int(site.sessions.lifetime.total_seconds())
    set_cookie(request, answer, site.session_cookie, cookie, lifetime)
    answer.delete_cookie(site.visit_cookie, path="/")
    return answer


def _anonymous(request: Request) -> Backend:
    """Return the API as it is asked without a credential."""
    return Backend(
        site_of(request).api(),
        "",
        reader(request).language,
        request.client.host if request.client else "",
        request.headers.get("host", ""),
        getattr(request.state, "request_id", None),
    )


def _link(
    request: Request, link: Json, problems: dict[str, str], status: int = HTTPStatus.OK
) -> Response:
    page = plain_page(
        request,
        "account/link.html",
        status,
        csrf=form_token(request),
        link=link,
        shortest=_SHORTEST_OF_CLIENTS if link["rol"] == "client" else _SHORTEST,
        problems=problems,
    )
    keep_visit(request, page)
    return page


def _ended(request: Request, refusal: Refused) -> Response:
    """Say that the link does not serve, and how to get another; any other trouble is its own."""
    gone = {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}
    if refusal.status not in gone:
        raise refusal
    return plain_page(request, "account/link_ended.html", HTTPStatus.NOT_FOUND)


def _forgotten(
    request: Request,
    status: int = HTTPStatus.OK,
    *,
    email: str = "",
    problem: str = "",
    sent: str = "",
) -> Response:
    page = plain_page(
        request,
        "account/forgotten.html",
        status,
        csrf=form_token(request),
        email=email,
        problem=problem,
        sent=sent,
    )
    keep_visit(request, page)
    return page
