"""The official SDK's client, talking to a running factory under any credential."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.workshop import Headers, Workshop

Assistant = Callable[[Headers], AbstractAsyncContextManager[Client]]


@pytest.fixture
def assistant(workshop: Workshop) -> Assistant:
    """Open a client that sends the given headers."""

    @asynccontextmanager
    async def opened(headers: Headers) -> AsyncGenerator[Client]:
        base = str(workshop.http.base_url).rstrip("/")
        async with httpx2.AsyncClient(headers=dict(headers), timeout=30) as http:
            transport = streamable_http_client(f"{base}/mcp", http_client=http)
            async with Client(transport) as client:
                yield client

    return opened
