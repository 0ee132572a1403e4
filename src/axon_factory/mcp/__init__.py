"""The order system as an MCP server: tools and resources over the API, with the caller's rights.

Nothing is decided here. Every tool is a request to this very application under the credential that
the MCP client has sent, so permissions, ownership, idempotency, limits and the audit trail are the
API's own (ADR 28).
"""

from axon_factory.mcp.routes import mcp_routes

__all__ = ["mcp_routes"]
