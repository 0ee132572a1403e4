"""The API reference: Swagger UI over `/openapi.json`, everything served from here.

`make assets` brings Swagger UI into `web/assets`, which the repository ignores and the wheel
carries. A factory without it says so on the page and links the document itself.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from axon_factory.web.assets import asset, is_there
from axon_factory.web.rendering import plain_page

router = APIRouter(include_in_schema=False)

REFERENCE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""What the page may load: files from here, and the pictures that its style sheet holds."""

_FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "reference.css", "reference.js")


@router.get("/docs")
async def reference(request: Request) -> HTMLResponse:
    """Show the reference of the API."""
    missing = [name for name in _FILES if not is_there(name)]
    if missing:
        return plain_page(request, "reference_missing.html", missing=missing)
    page = plain_page(request, "reference.html", assets={name: asset(name) for name in _FILES})
    page.headers["Content-Security-Policy"] = REFERENCE_POLICY
    return page
