"""Requests to the application itself, as whoever talks to the MCP server."""

from collections.abc import Mapping
from typing import Any, cast

import httpx2
from mcp.server.mcpserver.exceptions import ToolError
from starlette.requests import Request
from starlette.types import ASGIApp

Json = dict[str, Any]

_KEY_PREFIX = "axk_"
_SYSTEM_TOKEN_PREFIX = "axs_"  # noqa: S105 — the public prefix, not a token
_CREDENTIALS = ("authorization", "x-api-key", "x-system-token")
_FORWARDED = ("host", "accept-language", "axon-version")


def credential_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the credential of an MCP request as the API takes it (design §8.1).

    Most MCP clients can send a bearer token and nothing else, so an API key or a system token may
    come as one; their prefixes tell them apart.
    """
    found = {name: headers[name] for name in _CREDENTIALS if name in headers}
    scheme, _, token = found.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return found
    token = token.strip(" ")
    if token.startswith(_KEY_PREFIX):
        del found["authorization"]
        return {**found, "x-api-key": token}
    if token.startswith(_SYSTEM_TOKEN_PREFIX):
        del found["authorization"]
        return {**found, "x-system-token": token}
    return found


class ApiRefused(ToolError):
    """The API refuses what was asked; `status` and `codigo` are its own."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        """`document` is the API's answer."""
        super().__init__(_refusal(status, document))
        self.status = status
        self.codigo = str(document.get("codigo", ""))


class Api:
    """The application's API, asked in this process."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is the application that the MCP server is part of."""
        self._app = app

    async def ask(
        self,
        request: Request,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """Send one request as the caller of `request` and return the answer's document.

        Raises:
            ApiRefused: the API refuses; the message is its own sentence, with its `codigo`.
        """
        forwarded = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        client = request.client or ("127.0.0.1", 0)
        transport = httpx2.ASGITransport(self._app, client=(client[0], client[1]))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as asking:
            answer = await asking.request(
                method,
                path,
                params={name: value for name, value in (query or {}).items() if value is not None},
                json=body,
                headers={
                    "Accept-Encoding": "identity",
                    **forwarded,
                    **credential_headers(request.headers),
                    **(headers or {}),
                },
            )
        document = cast("Json", answer.json())
        if answer.is_error:
            raise ApiRefused(answer.status_code, document)
        return document


def _refusal(status: int, document: Mapping[str, Any]) -> str:
    sentence = document.get("message") or document.get("mensaje") or document.get("error", "")
    lines = [f"{status} {document.get('codigo', '')}: {sentence}"]
    details: Mapping[str, str] = document.get("details") or {}
    lines += [f"- {field}: {message}" for field, message in details.items()]
    for name in ("estado_actual", "transiciones_permitidas", "plan_version", "plan_hash"):
        if name in document:
            lines.append(f"{name}: {document[name]}")
    return "\n".join(lines)
