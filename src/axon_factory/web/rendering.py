"""Pages from templates: escaped, private, in the reader's language, and closed to other origins.

A template says each text in both languages where it stands: `{{ t("Órdenes", "Orders") }}`. Page
and fragment are one template: a request of htmx for a part gets the content without the frame
(`layout`).
"""

from datetime import datetime
from functools import cache, lru_cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse
from starlette.requests import Request

from axon_factory import __version__
from axon_factory.web import words
from axon_factory.web.assets import asset, is_there
from axon_factory.web.language import Reader
from axon_factory.web.site import reader, site_of

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["PAGE_POLICY", "is_fragment", "plain_page", "render"]

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Nothing inline, nothing from elsewhere; forms go to where they came from."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": PAGE_POLICY,
    # The strictest with which a browser still names this site to itself when a form is sent.
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "Vary": "Cookie, Accept-Language, HX-Request",
}


@cache
def _templates() -> "Environment":
    from jinja2 import (  # noqa: PLC0415 — no request of the API needs it
        Environment,
        FileSystemLoader,
        StrictUndefined,
    )

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    own: dict[str, Any] = environment.globals
    own |= {
        "asset": asset,
        "is_there": is_there,
        "icon": _icon,
        "initials": _initials,
        "words": words,
        "version": __version__,
    }
    return environment


def render(
    request: Request, template: str, status: int = HTTPStatus.OK, /, **facts: object
) -> HTMLResponse:
    """Return the page `template` with `facts`; a fact that the template misses is an error.

    Every template also has: `r` (the `Reader`), `t` (a text in both languages), `ago`, `moment`
    and `day` (times as `<time>`), `layout`, `path`, `support_email`.
    """
    looks = reader(request)
    html = (
        _templates()
        .get_template(template)
        .render(
            r=looks,
            t=looks.t,
            say=looks.say,
            ago=partial(_time, looks, "ago"),
            moment=partial(_time, looks, "moment"),
            day=partial(_time, looks, "day"),
            layout="fragment.html" if is_fragment(request) else "desk/frame.html",
            path=request.url.path,
            support_email=site_of(request).policy.support_email,
            **facts,
        )
    )
    return HTMLResponse(
        html, status_code=status, headers={**_HEADERS, "Content-Language": looks.language}
    )


def plain_page(
    request: Request, template: str, status: int = HTTPStatus.OK, /, **facts: object
) -> HTMLResponse:
    """Return a page that needs nobody signed in, and sends nothing about where it was read.

    One without forms may send none.
    """
    page = render(request, template, status, **facts)
    page.headers["Referrer-Policy"] = "no-referrer"
    # What people wrote is escaped: this can only be a form of the template.
    if b"<form" not in page.body:
        page.headers["Content-Security-Policy"] = PAGE_POLICY.replace(
            "form-action 'self'", "form-action 'none'"
        )
    return page


def is_fragment(request: Request) -> bool:
    """Return whether htmx asks for a part of a page rather than a browser for the whole."""
    return "hx-request" in request.headers and request.headers.get("hx-request-type") == "partial"


@lru_cache(maxsize=1000)  # a board has a thousand of them
def _icon(name: str, title: str = "") -> "Markup":
    """Return an icon; with a `title` it has a name of its own, else it only decorates."""
    from markupsafe import Markup  # noqa: PLC0415 — as in _templates

    source = f"{asset('icons.svg').address}#{name}" if is_there("icons.svg") else ""
    label = (
        Markup('role="img" aria-label="{}"').format(title)
        if title
        else Markup('aria-hidden="true"')
    )
    return Markup('<svg class="i" {}><use href="{}"/></svg>').format(label, source)


def _initials(name: str) -> str:
    """Return two letters for a person."""
    parts = [part[0] for part in name.split() if part[0].isalnum()] or ["·"]
    return (parts[0] + parts[-1] if len(parts) > 1 else parts[0]).upper()


def _time(looks: Reader, how: str, value: datetime | str | None) -> "Markup":
    """Return a moment in the reader's zone, with UTC behind it; nothing for None."""
    from markupsafe import Markup  # noqa: PLC0415 — as in _templates

    if value is None:
        return Markup("—")
    said = getattr(looks, how)(value)
    written = value if isinstance(value, str) else value.isoformat()
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        written, looks.utc(value), said
    )
