"""Asks a running product for its health."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Self, cast

import httpx2

__all__ = ["HealthClient"]

ANSWER_SECONDS = 5.0
OK = 200
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nothing, because products speak plain HTTP; a default context takes 25 ms a client."""
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 — where to ask a server that listens everywhere


class HealthClient:
    """An HTTP client for one product; an asynchronous context manager."""

    def __init__(self, host: str, port: int) -> None:
        address = EVERY_ADDRESS.get(host, host)
        authority = f"[{address}]" if ":" in address else address
        # trust_env: a proxy of the environment must not stand between us and the product.
        self._client = httpx2.AsyncClient(
            base_url=f"http://{authority}:{port}", trust_env=False, verify=PLAIN
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, path: str) -> Mapping[str, object] | None:
        """Return the body of a 200 answer of `path`; None for anything else."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._client.get(path)
            content = answer.json()
        except (httpx2.HTTPError, TimeoutError, ValueError):
            return None
        if answer.status_code != OK or not isinstance(content, dict):
            return None
        return cast("dict[str, Any]", content)
