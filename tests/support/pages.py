"""Pages as a browser without scripts sees them: sign in, read, fill in a form, send it."""

import re
from collections.abc import Mapping
from html import unescape
from html.parser import HTMLParser
from uuid import UUID

import httpx2

from axon_factory.api.routes import DeclaredRoute
from tests.support.workshop import PASSWORD, Workshop

__all__ = ["Browser", "is_page", "open_browser", "order_values", "signed_in"]

_PAGES = re.compile(r"/app(/.*)?|/cuenta(/.*)?|/salir|/portal(/ordenes/.*)?")


def is_page(route: DeclaredRoute) -> bool:
    """Whether a route is a page for people who are signed in: its matrix is in tests/web."""
    return route.action is not None and _PAGES.fullmatch(route.path) is not None


class _Forms(HTMLParser):
    """Every form of a page: its address, and the fields as they would be sent untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._area: str | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("action", ""), {}))
        elif self.forms and tag == "input" and given.get("name"):
            is_choice = given.get("type") in {"checkbox", "radio"}
            if not is_choice or "checked" in given:
                self.forms[-1][1][given["name"]] = given.get("value", "on" if is_choice else "")
        elif self.forms and tag == "textarea":
            self._area = given.get("name")
        elif self.forms and tag == "select":
            self._select = given.get("name", "")
        elif self.forms and tag == "option" and self._select:
            if "selected" in given or self._select not in self.forms[-1][1]:
                self.forms[-1][1][self._select] = given.get("value", "")
        elif self.forms and tag == "button" and given.get("name"):
            self.forms[-1][1].setdefault(given["name"], given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._area and self.forms:
            fields = self.forms[-1][1]
            fields[self._area] = (fields.get(self._area, "") + data).removeprefix("\n")


class Browser:
    """One browser: its cookies, and the page that it shows.

    Cookies that are for TLS alone go over loopback too, as a proxy that ends TLS has it.
    """

    def __init__(self, base_url: httpx2.URL | str, language: str) -> None:
        self.cookies: dict[str, str] = {}
        self.page = httpx2.Response(200)
        self.http = httpx2.AsyncClient(
            base_url=base_url,
            follow_redirects=True,
            headers={"Accept": "text/html", "Accept-Language": language},
            timeout=30,
            limits=httpx2.Limits(max_keepalive_connections=0),  # nothing is left to close
            event_hooks={"request": [self._bring], "response": [self._keep]},
        )

    async def _bring(self, request: httpx2.Request) -> None:
        request.headers.pop("Cookie", None)
        if self.cookies:
            request.headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())

    async def _keep(self, response: httpx2.Response) -> None:
        for line in response.headers.get_list("Set-Cookie"):
            first, *rest = (part.strip() for part in line.split(";"))
            name, _, value = first.partition("=")
            if "max-age=0" in {part.lower() for part in rest}:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value.strip('"')

    async def see(self, path: str) -> httpx2.Response:
        """Open a page, following where it leads."""
        self.page = await self.http.get(path)
        return self.page

    async def send(self, action: str, **fields: str | list[str]) -> httpx2.Response:
        """Fill in the form of the shown page that goes to `action`, and send it."""
        self.page = await self.http.post(action, data=self.form(action) | fields)
        return self.page

    def form(self, action: str) -> dict[str, str]:
        """The form of the shown page that goes to `action`."""
        parser = _Forms()
        parser.feed(self.page.text)
        found = [fields for address, fields in parser.forms if address == action]
        assert found, f"no form to {action} among {[address for address, _ in parser.forms]}"
        return dict(found[0])

    @property
    def text(self) -> str:
        """The words of the page, without tags."""
        bare = re.sub(r"<(style|script)[^>]*>.*?</\1>", " ", self.page.text, flags=re.DOTALL)
        return " ".join(re.sub(r"<[^>]+>", " ", bare).split())

    @property
    def words(self) -> str:
        """What a person reads of the page."""
        return unescape(self.text)


def open_browser(workshop: Workshop, language: str = "es") -> Browser:
    """A new browser at the workshop's factory."""
    return Browser(workshop.http.base_url, language)


async def signed_in(
    workshop: Workshop, name: str = "admin", *, language: str = "es", password: str = PASSWORD
) -> Browser:
    """A browser in which `name` (admin, operator, owner, other) has signed in."""
    browser = open_browser(workshop, language)
    await browser.see("/entrar")
    email = name if "@" in name else f"{name}@example.com"
    await browser.send("/entrar", correo=email, contrasena=password)
    assert browser.page.url.path != "/entrar", browser.text
    return browser


def order_values(order_id: UUID | str) -> Mapping[str, str]:
    """Values for the parameters of a page's path."""
    return {
        "number": str(order_id),
        "name": "cancelar",
        "id": str(order_id),
        "version": "1",
        "question": "1",
    }
