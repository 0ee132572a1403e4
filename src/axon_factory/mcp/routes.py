"""The routes of the MCP server. Its SDK is loaded with the first request: it takes 24 MB."""

import asyncio
from collections.abc import Callable

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


def mcp_routes(make: Callable[[], ASGIApp]) -> list[Route]:
    """Return the routes of the server, with and without a slash at the end.

    Without sessions and messages of the server's own there is nothing to GET or DELETE: 405, as the
    transport's specification has it.

    Args:
        make: builds the endpoint. It is called once, in a thread, for the first request.
    """
    endpoint = _OnFirstRequest(make)
    return [Route(path, endpoint=endpoint, methods=["POST"]) for path in ("/mcp", "/mcp/")]


class _OnFirstRequest:
    """An ASGI application that is built when it is first asked."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._building: asyncio.Task[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._building is None:
            self._building = asyncio.create_task(asyncio.to_thread(self._make))
        # A request that is cancelled must not cancel what others wait for.
        application = await asyncio.shield(self._building)
        await application(scope, receive, send)
