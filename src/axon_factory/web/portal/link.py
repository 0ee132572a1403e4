"""The portal behind an unguessable link, without an account.

The signed link is the permission, to read and to answer, until it expires or is revoked. No cookie
or other ambient authority is involved, so another site has nothing to make a browser send along
(CSRF). Referrers are off, so that the address does not travel. The link alone shows no secret:
credentials need a code that is mailed to the order's contact.
"""

from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.domain.errors import AxonError, Conflict, NotFound, ValidationFailed
from axon_factory.domain.permissions import Action
from axon_factory.orders.credentials import reveal_credentials, rotate_credentials
from axon_factory.orders.feedback import TooManyReports, rate_order, report_problem
from axon_factory.orders.portal_codes import (
    CodeCheck,
    TooManyCodes,
    code_until,
    issue_code,
    spend_code,
)
from axon_factory.orders.portal_links import serves
from axon_factory.orders.portal_view import read_portal_view
from axon_factory.orders.questions.asking import QuestionClosed, answer_by_link, is_answered
from axon_factory.orders.read import read_order_for_portal
from axon_factory.orders.requests import (
    OrderRatingRequest,
    ProblemReport,
    QuestionAnswer,
    validated,
)
from axon_factory.web.forms import see
from axon_factory.web.portal.by_link import LinkEnded, by_link, link_form, number_in
from axon_factory.web.portal.page import (
    CODE_PROBLEMS,
    NOTICES,
    Shown,
    ended_page,
    facts_of,
    not_found_page,
    sentence_of,
    speak_as_asked,
    switch_language,
)
from axon_factory.web.rendering import plain_page
from axon_factory.web.site import site_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/portal/{token}")
async def portal(token: str, request: Request, respondida: str = "", aviso: str = "") -> Response:
    """Show the order behind the link; `respondida` is the question that was just answered."""
    switched = switch_language(request, _home(token))
    if switched is not None:
        return switched
    notice = "" if aviso == "respondida" else aviso
    return await _page(request, token, answered=respondida, notice=notice)


@router.post("/portal/{token}/preguntas/{number}")
async def answer(token: str, number: str, request: Request) -> Response:
    """Take the client's answer and show the page anew: reloading it sends nothing again."""
    asked = number_in(number)
    if asked is None:
        return not_found_page(request)
    text = link_form(await request.body()).get("respuesta", "")
    path = "/portal/{token}/preguntas/{number}"
    name = f"pregunta-{asked}"
    try:
        given = validated(QuestionAnswer, {"respuesta": text}).respuesta
        async with by_link(request, token, "answer", Action.ANSWER_QUESTION, path) as change:
            await answer_by_link(change, asked, given)
    except QuestionClosed:
        return await _page(request, token, status=HTTPStatus.CONFLICT, notice="tarde")
    except (AxonError, LinkEnded) as refusal:
        return await _refused(request, token, refusal, name, text)
    return see(f"{_home(token)}?respondida={asked}")


@router.post("/portal/{token}/codigo")
async def send_code(token: str, request: Request) -> Response:
    """Mail a code to the order's contact."""
    path, action = "/portal/{token}/codigo", Action.REVEAL_CREDENTIALS
    try:
        async with by_link(request, token, "portal_code", action, path) as change:
            await issue_code(change, site_of(request).links)
    except (AxonError, LinkEnded) as refusal:
        return await _refused(request, token, refusal, "codigo")
    return see(f"{_home(token)}?aviso=codigo#credenciales")


@router.get("/portal/{token}/credenciales")
async def back(token: str) -> Response:
    """Lead back whoever opens the address of what was shown once."""
    return see(_home(token))


@router.post("/portal/{token}/credenciales")
async def reveal(token: str, request: Request) -> Response:
    """Show the credentials once, to who types the code; that they are shown is recorded before."""
    site, typed = site_of(request), link_form(await request.body()).get("codigo", "")
    path, action = "/portal/{token}/credenciales", Action.REVEAL_CREDENTIALS
    values: dict[str, str] = {}
    try:
        async with by_link(request, token, "portal_reveal", action, path) as change:
            check = await spend_code(change, site.links, typed)
            if check is CodeCheck.VALE:
                values = dict(await reveal_credentials(change, site.secret_box))
            else:
                change.deny(check)
    except (AxonError, LinkEnded) as refusal:
        return await _refused(request, token, refusal, "codigo")
    if check is not CodeCheck.VALE:
        return await _wrong_code(request, token, check)
    return await _page(request, token, Shown("", revealed=values))


@router.post("/portal/{token}/credenciales/nuevas")
async def rotate(token: str, request: Request) -> Response:
    """Replace the credentials, for who types the code; the product restarts with the new ones."""
    site, typed = site_of(request), link_form(await request.body()).get("codigo", "")
    path, action = "/portal/{token}/credenciales/nuevas", Action.ROTATE_CREDENTIALS
    try:
        async with by_link(request, token, "portal_rotate", action, path) as change:
            check = await spend_code(change, site.links, typed)
            if check is CodeCheck.VALE:
                await rotate_credentials(change, (), site.secret_box)
            else:
                change.deny(check)
    except (AxonError, LinkEnded) as refusal:
        return await _refused(request, token, refusal, "codigo")
    if check is not CodeCheck.VALE:
        return await _wrong_code(request, token, check)
    return see(f"{_home(token)}?aviso=cambio#credenciales")


@router.get("/portal/{token}/problema")
async def problem_page(token: str, request: Request) -> Response:
    """Ask what is wrong."""
    switched = switch_language(request, f"{_home(token)}/problema")
    return switched or await _page(request, token, template="portal/problem.html")


@router.post("/portal/{token}/problema")
async def report(token: str, request: Request) -> Response:
    """Keep what is wrong, and tell the staff."""
    text = link_form(await request.body()).get("descripcion", "")
    path, action = "/portal/{token}/problema", Action.REPORT_PROBLEM
    try:
        given = validated(ProblemReport, {"descripcion": text}).descripcion
        async with by_link(request, token, "portal_problem", action, path) as change:
            await report_problem(change, given)
    except (AxonError, LinkEnded) as refusal:
        return await _refused(
            request, token, refusal, "descripcion", text, template="portal/problem.html"
        )
    return see(f"{_home(token)}?aviso=problema")


@router.post("/portal/{token}/calificacion")
async def rate(token: str, request: Request) -> Response:
    """Keep how satisfied the client is."""
    fields = link_form(await request.body())
    path, action = "/portal/{token}/calificacion", Action.RATE_ORDER
    given = {
        "calificacion": number_in(fields.get("calificacion", "")),
        "comentario": fields.get("comentario", ""),
    }
    try:
        rating = validated(OrderRatingRequest, given)
        async with by_link(request, token, "portal_rating", action, path) as change:
            await rate_order(change, rating.calificacion, rating.comentario)
    except (AxonError, LinkEnded) as refusal:
        return await _refused(request, token, refusal, "calificacion")
    return see(f"{_home(token)}?aviso=calificada")


async def _refused(
    request: Request,
    token: str,
    refusal: AxonError | LinkEnded,
    name: str,
    typed: str = "",
    *,
    template: str = "portal/order.html",
) -> Response:
    """Show the page again with what was refused beside the field `name`."""
    if isinstance(refusal, LinkEnded):
        return ended_page(request)
    if isinstance(refusal, NotFound):
        return not_found_page(request)
    if not isinstance(refusal, (ValidationFailed, Conflict, TooManyCodes, TooManyReports)):
        raise refusal
    shown = Shown("", problems={name: sentence_of(refusal)}, typed={name: typed})
    answer = await _page(request, token, shown, refusal.status, template=template)
    if refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


async def _wrong_code(request: Request, token: str, check: CodeCheck) -> Response:
    shown = Shown("", problems={"codigo": CODE_PROBLEMS[check]})
    return await _page(request, token, shown, HTTPStatus.BAD_REQUEST)


async def _page(
    request: Request,
    token: str,
    shown: Shown | None = None,
    status: int = HTTPStatus.OK,
    *,
    answered: str = "",
    notice: str = "",
    template: str = "portal/order.html",
) -> Response:
    site, now = site_of(request), datetime.now(UTC)
    link = site.links.read(token)
    async with site.database.reading() as session:
        order = await read_order_for_portal(session, link[0]) if link else None
        if link is None or order is None:
            return not_found_page(request)
        if not await serves(session, *link, now):
            return ended_page(request)
        speak_as_asked(request, order)
        number = number_in(answered)
        if number is not None and await is_answered(session, order, number):
            notice = "respondida"
        view = await read_portal_view(session, order, site.policy, now)
        code_open = await code_until(session, order.id, now) is not None
    said = NOTICES.get(notice, "")
    shown = replace(shown or Shown(""), home=_home(token), notice=said, code_open=code_open)
    return plain_page(request, template, status, **facts_of(request, view, shown))


def _home(token: str) -> str:
    return f"/portal/{token}"
