"""Asks a running product: for its health, and at each address that its client is given."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Self, cast

import httpx2

from axon_factory.adapters.sandbox import Manifest
from axon_factory.ports.deployer import AnsweredRequest

ANSWER_SECONDS = 5.0
OK = 200
MISSING = frozenset({404, 405, 410})
OWN_ERROR = 500
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nothing, because products speak plain HTTP; a default context takes 25 ms a client."""
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 — where to ask a server that listens everywhere


class SmokeFailed(Exception):
    """The product is healthy, but one of its addresses does not serve; the message is Spanish."""


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

    async def status(self, method: str, path: str) -> int | None:
        """Return the status of the answer, None without one; redirects are not followed."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._client.request(method, path)
        except (httpx2.HTTPError, TimeoutError):
            return None
        return answer.status_code


async def ask_everything(host: str, port: int, manifest: Manifest) -> tuple[AnsweredRequest, ...]:
    """Ask each address of the manifest, without a credential; return how each has answered.

    A page serves if it answers without an error. A webhook may refuse a request without a
    signature, but it must be there.

    Raises:
        SmokeFailed: an address has nothing, or answers with an error of the product's own.
    """
    wanted = [
        ("salud", "GET", manifest.health),
        ("administracion", "GET", manifest.admin),
        ("documentacion", "GET", manifest.docs),
        *((f"webhook {name}", "POST", path) for name, path in manifest.webhooks.items()),
    ]
    answered: list[AnsweredRequest] = []
    async with HealthClient(host, port) as client:
        for name, method, path in wanted:
            status = await client.status(method, path)
            if status is None or status in MISSING or status >= OWN_ERROR:
                told = "no respondió" if status is None else f"respondió {status}"
                raise SmokeFailed(f"El producto arrancó, pero {method} {path} ({name}) {told}.")
            answered.append(AnsweredRequest(name, method, path, status))
    return tuple(answered)
