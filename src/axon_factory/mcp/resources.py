"""The resources: an order and its plan, as JSON."""

import json
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from axon_factory.mcp.calls import Api, ApiRefused, Json
from axon_factory.mcp.messages import code_of
from axon_factory.mcp.tools import Caller, request_of

_PLAN = ("id", "order_number", "estado", "plan_estado", "plan_version", "plan_hash", "plan")
_JSON = "application/json"


def add_resources(server: MCPServer[Any], api: Api) -> None:
    """Register the resources on `server`; each asks `api` as the caller."""

    async def read(context: Caller, reference: str) -> Json:
        try:
            return await api.ask(request_of(context), "GET", f"/api/orders/{reference}")
        except ApiRefused as error:
            data = {"status": error.status, "codigo": error.codigo}
            raise MCPError(code_of(error.status), str(error), data) from None

    @server.resource("axon://ordenes/{orden}", title="Orden", mime_type=_JSON)
    async def order(orden: str, ctx: Caller) -> str:  # pyright: ignore[reportUnusedFunction] — registered
        """Una orden como la ve quien pregunta."""
        return _text(await read(ctx, orden))

    @server.resource("axon://ordenes/{orden}/plan", title="Plan", mime_type=_JSON)
    async def plan(orden: str, ctx: Caller) -> str:  # pyright: ignore[reportUnusedFunction] — registered
        """El plan vigente de una orden, con la versión y el hash que una aprobación nombra."""
        document = await read(ctx, orden)
        return _text({name: document[name] for name in _PLAN if name in document})


def _text(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)
