"""What the pages need, built once by the composition root and kept in `app.state.site`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.types import ASGIApp

from axon_factory.accounts.browser import BrowserSessions
from axon_factory.db.sessions import Database
from axon_factory.domain.permissions import Principal
from axon_factory.orders.policy import Policy
from axon_factory.orders.portal_links import PortalLinks
from axon_factory.ports.product import SecretBox
from axon_factory.web.language import Reader, reader_of

__all__ = ["Site", "principal_of_cookie", "reader", "site_of"]


@dataclass(frozen=True, slots=True)
class Site:
    """Services of the pages, and what the API lends them."""

    database: Database
    policy: Policy
    links: PortalLinks
    secret_box: SecretBox
    sessions: BrowserSessions
    https: bool
    """The world reaches this factory over TLS only."""
    api: Callable[[], ASGIApp]
    """The API as a server asks it."""
    prefers_english: Callable[[str], bool]
    """Whether an `Accept-Language` asks for English."""
    charge_address: Callable[[Request], Awaitable[None]]
    """Counts a request whose credential proves nothing."""

    @property
    def session_cookie(self) -> str:
        """The name of the cookie of a session; over TLS no other host can set it."""
        return "__Host-axon" if self.https else "axon"

    @property
    def visit_cookie(self) -> str:
        """The name of the cookie that ties forms to a browser before anybody signs in."""
        return "__Host-axon-visita" if self.https else "axon-visita"

    @property
    def notice_cookie(self) -> str:
        """The name of the cookie that carries a notice to the next page."""
        return "__Host-axon-aviso" if self.https else "axon-aviso"


def site_of(request: Request) -> Site:
    """Return the services of the pages."""
    return cast("Site", request.app.state.site)


def reader(request: Request) -> Reader:
    """Return who reads the page of `request`."""
    known: Reader | None = getattr(request.state, "reader", None)
    if known is None:
        site = site_of(request)
        asked = site.prefers_english(request.headers.get("accept-language", ""))
        known = reader_of(request, site.policy.zone, prefers_english=asked)
        request.state.reader = known
    return known


Look = Callable[[], Awaitable[bool]]


def principal_of_cookie(
    site: Site,
) -> Callable[[Headers], Awaitable[tuple[Principal, Look] | None]]:
    """Return what says whose session a WebSocket's cookie is, and gives what looks at it again."""

    async def found(headers: Headers) -> tuple[Principal, Look] | None:
        cookie = cookie_parser(headers.get("cookie", "")).get(site.session_cookie, "")
        visitor = await site.sessions.visitor(cookie) if cookie else None
        if visitor is None:
            return None

        async def still_holds() -> bool:
            now = await site.sessions.visitor(cookie)
            return now is not None and now.principal == visitor.principal

        return visitor.principal, still_holds

    return found
