"""Pages: rendered escaped, private and self-contained; and the API reference.

The reference is Swagger UI over `/openapi.json`, everything served from here. `make assets` brings
Swagger UI into `web/assets`, which the repository ignores and the wheel carries. A factory without
it says so on the page and links the document itself.
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse

from axon_factory.domain.errors import NotFound

if TYPE_CHECKING:
    from jinja2 import Environment

router = APIRouter(include_in_schema=False)


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 — no request of the API needs it

    return Environment(
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
    html = _templates().get_template(template).render(facts)
    policy = _POLICY + ("'self'" if forms else "'none'")
    return HTMLResponse(
        html, status_code=status, headers={**_HEADERS, "Content-Security-Policy": policy}
    )


REFERENCE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""What the page may load: files from here, and the pictures that its style sheet holds."""

_WEB = Path(__file__).parent
_FILES = {
    "swagger-ui.css": (_WEB / "assets" / "swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": (_WEB / "assets" / "swagger-ui-bundle.js", "text/javascript"),
    "reference.css": (_WEB / "static" / "reference.css", "text/css"),
    "reference.js": (_WEB / "static" / "reference.js", "text/javascript"),
}


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file as the page names it."""

    address: str
    integrity: str
    """Its digest (Subresource Integrity); the address has the digest too, so it never changes."""


@router.get("/docs")
async def reference() -> HTMLResponse:
    """Show the reference of the API."""
    missing = [name for name, (file, _) in _FILES.items() if not file.is_file()]
    if missing:
        page = render_page("reference_missing.html", 200, missing=missing)
    else:
        assets = {name: _asset(file) for name, (file, _) in _FILES.items()}
        page = render_page("reference.html", 200, assets=assets)
        page.headers["Content-Security-Policy"] = REFERENCE_POLICY
    return page


@router.get("/docs/{name}")
async def reference_file(name: str) -> FileResponse:
    """Serve one file of the page."""
    file, media_type = _FILES.get(name, (None, None))
    if file is None or not file.is_file():
        raise NotFound("No hay tal archivo", message_en="There is no such file")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(file, media_type=media_type, headers=headers)


@cache
def _asset(file: Path) -> _Asset:
    digest = hashlib.sha384(file.read_bytes()).digest()
    return _Asset(
        address=f"/docs/{file.name}?{digest.hex()[:16]}",
        integrity=f"sha384-{base64.b64encode(digest).decode()}",
    )
