"""A small application behind the real edge, for what the whole factory has set one way."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from types import SimpleNamespace

import httpx2
import pytest
from fastapi import FastAPI, Request

from axon_factory.api.errors import install_error_handlers
from axon_factory.api.http_protocol import ServerLimits
from axon_factory.api.middleware import EdgeOptions, add_edge
from axon_factory.api.rate_limits import Quotas, RateLimits
from tests.support.server import running
from tests.support.workshop import Workshop

NO_LIMITS = Quotas(0, 0, 0, 0)
Edge = Callable[..., contextlib.AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
def edge(workshop: Workshop) -> Edge:
    """Serve a few routes behind an edge with the given options."""

    @contextlib.asynccontextmanager
    async def serve(
        options: EdgeOptions, limits: ServerLimits | None = None
    ) -> AsyncGenerator[httpx2.AsyncClient]:
        app = FastAPI(redirect_slashes=False)
        app.state.services = SimpleNamespace()
        app.state.rate_limits = RateLimits(workshop.container.database, options.quotas)
        install_error_handlers(app)
        app.get("/api/echo")(_echo)
        app.get("/api/fault")(_fault)
        app.post("/api/take")(_take)
        add_edge(app, options)
        async with running(app, limits) as http:
            yield http

    return serve


async def _echo(request: Request) -> dict[str, str | None]:
    client = request.client.host if request.client else None
    return {"client": client, "scheme": request.url.scheme}


async def _take(request: Request) -> int:
    return len(await request.body())


async def _fault() -> None:
    raise RuntimeError("secret of the inside")
