#!/usr/bin/env bash
# The Model Context Protocol's Python SDK (PyPI `mcp`) 2.3.0, both its servers and its client.
#
# One would guess: a call of a tool is checked against the `inputSchema` that the tool publishes,
# by the server (as it was by 1.20.0 of the SDK) or by the client that has just listed it, so that a
# misspelt argument, or one of another type, is an error before the tool runs.
#
# What happens:
# - `Server` (the low-level one) hands on whatever comes. A schema with `required`, `enum` and
#   "additionalProperties": false is published to the clients, and that is all that is done with it.
# - `MCPServer` (tools from functions) does check types, by the function's signature, and turns the
#   text "1" into a number that its schema demands; but an argument that the signature does not have
#   is dropped without a word. A misspelt filter is thus no filter: the call succeeds, with all.
#   Its schema does not say "additionalProperties": false either.
# - `Client` checks what a tool answers against its `outputSchema`, never what it is asked.
#
# Seen on 2026-11-30 (Linux, Python 3.11):
#   Server {'state': 'open'} -> got {'state': 'open'}
#   Server {'status': 5} -> got {'status': 5}
#   Server None -> got None
#   MCPServer {'status': 'open'} -> ['open-1', 'open-2']
#   MCPServer {'state': 'open'} -> ['open-1', 'open-2', 'closed-1']
#   MCPServer {'limit': '1'} -> ['open-1']
#   MCPServer {'limit': 'one'} -> error
#   Client: an answer against the outputSchema -> RuntimeError
#
# Needs python3 with venv. Exits 0 while this holds, otherwise not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install --quiet mcp==2.3.0 mcp-types==2.3.0 \
  pydantic==2.14.4 jsonschema==4.26.0

cat >"$folder/ask.py" <<'PY'
import asyncio
import importlib.metadata
import logging

from mcp import types
from mcp.client import Client
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import MCPServer

logging.disable()
INPUT = {
    "type": "object",
    "properties": {"status": {"type": "string", "enum": ["open", "closed"]}},
    "required": ["status"],
    "additionalProperties": False,
}
OUTPUT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
seen = []


async def listed(context, params):
    plain = types.Tool(name="find", input_schema=INPUT)
    wrong = types.Tool(name="wrong", input_schema={"type": "object"}, output_schema=OUTPUT)
    return types.ListToolsResult(tools=[plain, wrong])


async def called(context, params):
    content = [types.TextContent(type="text", text=f"got {params.arguments}")]
    if params.name == "wrong":
        return types.CallToolResult(content=content, structured_content={"n": "none"})
    return types.CallToolResult(content=content)


high = MCPServer("orders")


@high.tool()
def find(status: str | None = None, limit: int = 10) -> list[str]:
    orders = ["open-1", "open-2", "closed-1"]
    return [order for order in orders if status is None or order.startswith(status)][:limit]


async def main():
    low = Server("orders", on_list_tools=listed, on_call_tool=called)
    async with Client(low) as client:
        tool = (await client.list_tools()).tools[0]
        assert tool.input_schema == INPUT, tool.input_schema
        for arguments in ({"state": "open"}, {"status": 5}, None):
            answer = await client.call_tool("find", arguments)
            assert not answer.is_error
            seen.append(f"Server {arguments} -> {answer.content[0].text}")
        try:
            await client.call_tool("wrong", {})
            refused = "accepted"
        except Exception as error:
            refused = type(error).__name__
    async with Client(high) as client:
        schema = (await client.list_tools()).tools[0].input_schema
        assert sorted(schema["properties"]) == ["limit", "status"], schema
        assert schema["properties"]["limit"]["type"] == "integer", schema
        assert "additionalProperties" not in schema, schema
        for arguments in (
            {"status": "open"},
            {"state": "open"},
            {"limit": "1"},
            {"limit": "one"},
        ):
            answer = await client.call_tool("find", arguments)
            said = "error" if answer.is_error else answer.structured_content["result"]
            seen.append(f"MCPServer {arguments} -> {said}")
    seen.append(f"Client: an answer against the outputSchema -> {refused}")


asyncio.run(main())
print("mcp", importlib.metadata.version("mcp"))
print(*seen, sep="\n")
assert seen == [
    "Server {'state': 'open'} -> got {'state': 'open'}",
    "Server {'status': 5} -> got {'status': 5}",
    "Server None -> got None",
    "MCPServer {'status': 'open'} -> ['open-1', 'open-2']",
    "MCPServer {'state': 'open'} -> ['open-1', 'open-2', 'closed-1']",
    "MCPServer {'limit': '1'} -> ['open-1']",
    "MCPServer {'limit': 'one'} -> error",
    "Client: an answer against the outputSchema -> RuntimeError",
]
PY
timeout 60 "$folder/venv/bin/python" "$folder/ask.py"
