"""Forms: read within limits, and only when they come from a page of this factory.

A form is taken if its token fits the cookie that came with it. The cookie is that of the session;
before anybody has signed in, one that the page with the form has set.
"""

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi.responses import RedirectResponse
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.web.site import Site, site_of

__all__ = ["Form", "StaleForm", "form_token", "give_notice", "read_form", "see", "take_notice"]

TOKEN_FIELD = "_ficha"  # noqa: S105 — the name of a field
KEY_FIELD = "_clave"
_MOST_FIELDS = 500
_VISIT_BYTES = 24


class StaleForm(Exception):
    """The form's token does not fit: its session ended, or another site sent it."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in; every text has the line ends of JSON."""

    fields: Mapping[str, tuple[str, ...]]

    def text(self, name: str) -> str:
        """Return a field without the space around it; empty if it is missing."""
        return self.fields.get(name, ("",))[-1].strip()

    def all(self, name: str) -> list[str]:
        """Return every filled-in value of a field that may come several times."""
        return [value.strip() for value in self.fields.get(name, ()) if value.strip()]

    def number(self, name: str) -> int | None:
        """Return a whole number, None if it is none."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004 — more digits than any number of a form

    @property
    def key(self) -> str | None:
        """The Idempotency-Key that the page gave the form: sending it twice acts once."""
        return self.text(KEY_FIELD) or None


async def read_form(request: Request) -> Form:
    """Return the form that was sent.

    Raises:
        StaleForm: it does not come from a page that this browser was shown.
    """
    body = await request.body()
    try:
        parsed = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise StaleForm from None
    form = Form(
        {
            name: tuple(value.replace("\r\n", "\n").replace("\x00", "\ufffd") for value in values)
            for name, values in parsed.items()
        }
    )
    site = site_of(request)
    secret = _secret(request, site)
    if secret is None or not site.sessions.is_form_token(secret, form.text(TOKEN_FIELD)):
        raise StaleForm
    return form


def form_token(request: Request) -> str:
    """Return the token of the forms of this page; `keep_visit` must set the cookie it may need."""
    site = site_of(request)
    secret = _secret(request, site)
    if secret is None:
        secret = secrets.token_urlsafe(_VISIT_BYTES)
        request.state.new_visit = secret
    return site.sessions.form_token(secret)


def keep_visit(request: Request, response: Response) -> None:
    """Set the cookie that the forms of this page are tied to, if it is new."""
    secret = getattr(request.state, "new_visit", None)
    if secret is not None:
        set_cookie(request, response, site_of(request).visit_cookie, secret)


def set_cookie(
    request: Request, response: Response, name: str, value: str, max_age: int | None = None
) -> None:
    """Set a cookie that no script reads and no other site's form brings along."""
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/",
        secure=site_of(request).https,
        httponly=True,
        samesite="lax",
    )


def see(path: str) -> RedirectResponse:
    """Answer a form by sending the browser to the page `path`: reloading it sends nothing again."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def give_notice(request: Request, response: Response, text: str, tone: str = "go") -> None:
    """Let the next page show `text` once; `tone` is go, work, you or bad."""
    site = site_of(request)
    packed = urlsafe_b64encode(json.dumps([text[:500], tone]).encode()).decode()
    value = f"{packed}.{site.sessions.form_token(packed)}"
    set_cookie(request, response, site.notice_cookie, value, max_age=60)


def take_notice(request: Request) -> tuple[str, str] | None:
    """Return text and tone of the notice that the page before has left."""
    site = site_of(request)
    packed, _, mac = request.cookies.get(site.notice_cookie, "").partition(".")
    if not mac or not hmac.compare_digest(site.sessions.form_token(packed), mac):
        return None
    text, tone = json.loads(urlsafe_b64decode(packed))
    return str(text), str(tone)


def _secret(request: Request, site: Site) -> str | None:
    return request.cookies.get(site.session_cookie) or request.cookies.get(site.visit_cookie)
