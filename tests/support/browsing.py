"""A browser without scripts: cookies, forms as the page gives them, and what a page says."""

import re
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie

import httpx2

from tests.support.workshop import PASSWORD, Workshop

__all__ = ["Browser", "entered", "fields_of", "words_of"]

_INPUT = re.compile(r"<input\b[^>]*>")
_FORM = re.compile(r"<form\b[^>]*>.*?</form>", re.DOTALL)


@dataclass(slots=True)
class Browser:
    """Cookies are kept by hand: those of an https site are not sent over the tests' http."""

    http: httpx2.AsyncClient
    language: str = "es"
    cookies: dict[str, str] = field(default_factory=dict[str, str])

    async def get(self, path: str) -> httpx2.Response:
        return self._keep(await self.http.get(path, headers=self._headers()))

    async def post(self, path: str, data: dict[str, str | list[str]]) -> httpx2.Response:
        """Send a form; the answer is not followed."""
        answer = await self.http.post(path, data=data, headers=self._headers())
        return self._keep(answer)

    async def send(
        self, page: str, action: str | None = None, **filled: str | list[str]
    ) -> httpx2.Response:
        """Fill in the form of `page` that goes to `action` (`page` itself if None), and send it."""
        shown = await self.get(page)
        assert shown.status_code == 200, shown.text
        target = action or page
        return await self.post(target, {**fields_of(shown.text, target), **filled})

    async def follow(self, answer: httpx2.Response) -> str:
        """Return what the page says that a form's answer leads to."""
        assert answer.status_code == 303, answer.text
        shown = await self.get(answer.headers["Location"])
        assert shown.status_code == 200, shown.text
        return words_of(shown.text)

    def _headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        language = {"Accept": "text/html", "Accept-Language": self.language}
        return {**language, "Cookie": cookies} if cookies else language

    def _keep(self, answer: httpx2.Response) -> httpx2.Response:
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer


async def entered(workshop: Workshop, name: str, language: str = "es") -> Browser:
    """Sign one of the workshop's people in through the page."""
    browser = Browser(workshop.http, language)
    answer = await browser.send("/entrar", correo=f"{name}@example.com", contrasena=PASSWORD)
    assert answer.status_code == 303, answer.text
    return browser


def fields_of(html: str, action: str) -> dict[str, str | list[str]]:
    """Return what the form to `action` sends if nobody touches it."""
    form = next(one for one in _FORM.findall(html) if f'action="{action}"' in one)
    fields: dict[str, str | list[str]] = {}
    for found in _INPUT.findall(form):
        kind, name = _attribute(found, "type"), _attribute(found, "name")
        if name and (kind not in {"radio", "checkbox"} or re.search(r"\bchecked\b", found)):
            fields[name] = _attribute(found, "value")
    for name, inside in re.findall(r'<textarea\b[^>]*name="(\w+)"[^>]*>(.*?)</textarea>', form, re.S):
        fields[name] = unescape(inside.removeprefix("\n"))
    for name, options in re.findall(r'<select\b[^>]*name="(\w+)".*?>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        first = re.search(r'value="([^"]*)"', options)
        held = chosen or first
        fields[name] = held[1] if held else ""
    return fields


def words_of(html: str) -> str:
    """Return what a person reads of the page."""
    body = html.partition("<body")[2]
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return unescape(found[1]) if found else ""
