"""The first page, for who comes with nothing but the factory's name."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from axon_factory.web.forms import see
from axon_factory.web.rendering import plain_page
from axon_factory.web.signed_in import home_of, visitor_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(request: Request) -> Response:
    """Say what answers here; who is signed in goes on to their work."""
    visitor = await visitor_of(request)
    if visitor is not None:
        return see(home_of(visitor.principal))
    return plain_page(request, "home.html")
