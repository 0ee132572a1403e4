"""Render a page: escaped, private, and allowed to load nothing but itself."""

from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
)
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action "
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


def render_page(
    template: str, status: int, *, forms: bool = False, **facts: object
) -> HTMLResponse:
    """Return the page `template` with `facts`; a fact that the template misses is an error.

    With `forms` it may send forms, to where it came from and nowhere else.
    """
    html = _templates.get_template(template).render(facts)
    policy = _POLICY + ("'self'" if forms else "'none'")
    return HTMLResponse(
        html, status_code=status, headers={**_HEADERS, "Content-Security-Policy": policy}
    )
