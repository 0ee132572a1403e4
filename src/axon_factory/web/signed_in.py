"""Pages for people who are signed in: the guard of their routes, and what a page is made with.

A route takes `Annotated[Desk, Depends(page_for(Action.…))]`. The action is a row of the one
permission table; what a page then reads or does it asks of the API, which decides again.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote
from uuid import uuid4

from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.accounts.browser import Visitor
from axon_factory.domain.permissions import PERMISSIONS, Action, Principal, Role
from axon_factory.web.backend import Backend, Json, Query, Refused, path_of
from axon_factory.web.forms import Form, form_token, give_notice, read_form, see, take_notice
from axon_factory.web.language import Reader
from axon_factory.web.navigation import entries_for
from axon_factory.web.rendering import is_fragment, render
from axon_factory.web.site import reader, site_of

__all__ = ["Desk", "PageGuard", "SignInFirst", "page_for", "visitor_of"]


class SignInFirst(Exception):
    """Nobody is signed in, or the password must be changed first: `path` is where that is done."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True, slots=True)
class Desk:
    """One request of a signed-in person: who they are, the API in their name, the page."""

    request: Request
    visitor: Visitor
    api: Backend
    r: Reader

    @property
    def who(self) -> Principal:
        """The person."""
        return self.visitor.principal

    def may(self, action: Action) -> bool:
        """Return whether the permission table grants `action` to the person."""
        return self.who.grant in PERMISSIONS[action].grants

    async def get(self, *segments: str, query: Query | None = None) -> Json:
        """Return what `GET /api/<segments>` answers.

        Raises:
            Refused: the API refuses; unless it is caught, the browser shows the API's sentence.
        """
        return await self.api.get(path_of(*segments), query)

    async def get_or_none(self, *segments: str, query: Query | None = None) -> Json | None:
        """Return the same; None where this person may not read it or there is nothing."""
        try:
            return await self.get(*segments, query=query)
        except Refused as refusal:
            if refusal.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
                return None
            raise

    async def form(self) -> Form:
        """Return the form that was sent.

        Raises:
            StaleForm: it does not come from a page that this browser was shown.
        """
        return await read_form(self.request)

    async def page(
        self, template: str, status: int = HTTPStatus.OK, /, **facts: object
    ) -> HTMLResponse:
        """Return the page `template` in the desk's frame.

        Besides the facts of `render`, the template has `who`, `may` (an action's wire name), `csrf`
        and `new_key` (both for forms), `nav`, `line`, `pending_count` and `notice`.
        """
        frame = {} if is_fragment(self.request) else await self._frame()
        page = render(
            self.request,
            template,
            status,
            who=self.who,
            email=self.visitor.email,
            may=self._may_by_name,
            csrf=form_token(self.request),
            new_key=lambda: uuid4().hex,
            **frame,
            **facts,
        )
        if frame.get("notice"):
            page.delete_cookie(site_of(self.request).notice_cookie, path="/")
        return page

    def done(self, path: str, text: str = "", tone: str = "go") -> Response:
        """Answer a form: go to `path`, which shows `text` once."""
        answer = see(path)
        if text:
            give_notice(self.request, answer, text, tone)
        return answer

    def _may_by_name(self, name: str) -> bool:
        return self.may(Action(name))

    async def _frame(self) -> dict[str, object]:
        line, pending = await asyncio.gather(
            self._if_may(Action.READ_LINE, "line"),
            self._if_may(Action.READ_PENDING, "pending", query={"limit": 1}),
        )
        return {
            "nav": entries_for(self.may, self.r),
            "line": line,
            "pending_count": pending["total"] if pending else 0,
            "notice": take_notice(self.request),
        }

    async def _if_may(
        self, action: Action, *segments: str, query: Query | None = None
    ) -> Json | None:
        return await self.get_or_none(*segments, query=query) if self.may(action) else None


class PageGuard:
    """A dependency that returns the `Desk` of whoever is signed in."""

    def __init__(self, action: Action, *, before_password_change: bool = False) -> None:
        """`action` is the row of the permission table that the page needs."""
        self.action = action
        self._before_change = before_password_change

    async def __call__(self, request: Request) -> Desk:
        """Let the person in.

        Raises:
            SignInFirst: nobody is signed in, or the password must be changed first.
            Refused: the table does not grant the page's action.
        """
        visitor = await visitor_of(request)
        if visitor is None:
            raise SignInFirst(f"/entrar?volver={quote(_address(request))}")
        if visitor.principal.must_change_password and not self._before_change:
            raise SignInFirst("/cuenta/contrasena")
        desk = desk_of(request, visitor)
        if not desk.may(self.action):
            raise Refused(HTTPStatus.FORBIDDEN, _forbidden(desk))
        return desk


def page_for(action: Action) -> PageGuard:
    """Return the guard of a page that needs `action`."""
    return PageGuard(action)


def desk_of(request: Request, visitor: Visitor) -> Desk:
    """Return what a page of this visitor is made with."""
    site, looks = site_of(request), reader(request)
    api = Backend(
        site.api(),
        visitor.access_token,
        looks.language,
        request.client.host if request.client else "",
        request.headers.get("host", ""),
        getattr(request.state, "request_id", None),
    )
    return Desk(request, visitor, api, looks)


async def visitor_of(request: Request) -> Visitor | None:
    """Return who is signed in; a cookie that proves nothing counts against its address."""
    site = site_of(request)
    cookie = request.cookies.get(site.session_cookie)
    if cookie is None:
        return None
    visitor = await site.sessions.visitor(cookie)
    if visitor is None:
        await site.charge_address(request)
    return visitor


def home_of(principal: Principal) -> str:
    """Return the page where a person begins."""
    return "/portal" if principal.role is Role.CLIENT else "/app/pendientes"


def _address(request: Request) -> str:
    """Return the address to come back to after signing in: of a page, never of a form's act."""
    if request.method != "GET":
        return "/app"
    query = f"?{request.url.query}" if request.url.query else ""
    return request.url.path + query


def _forbidden(desk: Desk) -> Json:
    return {
        "codigo": "permiso_denegado",
        "message": desk.r.t(
            "Tu cuenta no tiene acceso a esta página",
            "Your account has no access to this page",
        ),
    }
