"""The routes of the desk, from its pages."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from axon_factory.domain.permissions import Action
from axon_factory.web.forms import see
from axon_factory.web.signed_in import Desk, home_of, page_for

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/app")
async def beginning(desk: Annotated[Desk, Depends(page_for(Action.READ_SELF))]) -> Response:
    """Go where this person's day begins."""
    return see(home_of(desk.who))


@router.get("/app/mas")
async def more(desk: Annotated[Desk, Depends(page_for(Action.READ_SELF))]) -> HTMLResponse:
    """List the pages that the bar on the phone has no place for."""
    return await desk.page("desk/more.html")
