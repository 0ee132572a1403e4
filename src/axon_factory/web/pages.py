"""Render a page: escaped, private, and allowed to load nothing but itself."""

from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

__all__ = ["render_page"]

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
)
_HEADERS = {
    "Cache-Control": "no-store",
    # Forms go back to where they came from, and nowhere else.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


def render_page(template: str, status: int, **facts: object) -> HTMLResponse:
    """Return the page `template` with `facts`; a fact that the template misses is an error."""
    html = _templates.get_template(template).render(facts)
    return HTMLResponse(html, status_code=status, headers=_HEADERS)
