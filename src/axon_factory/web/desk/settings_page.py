"""The settings as the factory read them; they are changed in its environment, not here."""

from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from axon_factory.domain.permissions import Action
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/app/ajustes")
async def settings_page(
    desk: Annotated[Desk, Depends(page_for(Action.READ_SETTINGS))], solo: str = ""
) -> HTMLResponse:
    """Show each setting with its value, its default and what it does; `solo=dados`: those given."""
    every = (await desk.get("settings"))["settings"]
    shown = [one for one in every if one["dado"]] if solo == "dados" else every
    sections = [(name, list(found)) for name, found in groupby(shown, key=lambda one: one["grupo"])]
    return await desk.page(
        "desk/settings.html",
        sections=sections,
        solo=solo,
        total=len(every),
        given=sum(1 for one in every if one["dado"]),
    )
