"""The routes of this room that are no stream of the API's: the WebSocket and its document."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.routing import WebSocketRoute

from axon_factory.realtime.asyncapi import asyncapi_document
from axon_factory.realtime.services import SocketServices
from axon_factory.realtime.socket import OrderSocket

__all__ = ["socket_router"]


def socket_router(services: SocketServices, base_url: str) -> APIRouter:
    """Return the routes; `base_url` is how the world reaches the API."""
    router = APIRouter(include_in_schema=False)
    router.routes.append(WebSocketRoute("/ws/orders", OrderSocket(services)))

    @router.get("/asyncapi.json")
    async def document() -> JSONResponse:  # pyright: ignore[reportUnusedFunction] — registered
        return JSONResponse(asyncapi_document(base_url))

    return router
