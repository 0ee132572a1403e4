"""The first page: what this address is, and where to go."""

from typing import cast

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from axon_factory import __version__
from axon_factory.web.pages import render_page
from axon_factory.web.portal import PortalServices

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(request: Request) -> HTMLResponse:
    """Say what answers here."""
    services = cast("PortalServices", request.app.state.portal)
    return render_page(
        "home.html", 200, version=__version__, support_email=services.policy.support_email
    )
