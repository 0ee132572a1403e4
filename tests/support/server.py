"""The real API on a real uvicorn, on loopback, in the test's own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator

import httpx2
import uvicorn
from fastapi import FastAPI

from axon_factory.api.http_protocol import ServerLimits, uvicorn_config

__all__ = ["listening", "running"]


class _Server(uvicorn.Server):
    """Says when it listens, ends at once, and leaves the signals to pytest."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.ending = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Tick until the end is asked for; uvicorn's own looks ten times a second."""
        ticking = asyncio.create_task(super().main_loop())
        await self.ending.wait()
        ticking.cancel()
        await asyncio.wait({ticking})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as uvicorn does, without its pause of a tenth of a second."""
        for listener in [*self.servers, *(sockets or [])]:
            listener.close()
        state = self.server_state
        for connection in [*state.connections]:
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while state.connections or state.tasks:  # noqa: ASYNC110 — it has no event
                    await asyncio.sleep(0.005)
        for task in state.tasks:
            task.cancel()
        await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@contextlib.asynccontextmanager
async def listening(config: uvicorn.Config) -> AsyncGenerator[str]:
    """Serve what `config` says on a port of its own and yield the URL."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:  # for TCP_NODELAY, as in cli.serve
        listener.bind(("127.0.0.1", 0))
        server = _Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        await server.listening.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.ending.set()
            await serving


@contextlib.asynccontextmanager
async def running(
    app: FastAPI, server_limits: ServerLimits | None = None
) -> AsyncGenerator[httpx2.AsyncClient]:
    """Serve `app` and yield a client of it; errors of the server come as answers."""
    limits = httpx2.Limits(max_connections=64)
    async with (
        listening(uvicorn_config(app, server_limits or ServerLimits())) as url,
        httpx2.AsyncClient(base_url=url, limits=limits, timeout=60) as client,
    ):
        yield client
