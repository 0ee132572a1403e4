"""Puts the product together: settings, database, and whatever modules are there."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.responses import RedirectResponse

from app.database import Database
from app.http import BodyLimit, RequestLog, SecurityHeaders
from app.module import Context, discover
from app.product import Product, load_product
from app.security import AdminAccount, Throttle
from app.settings import Settings

STATIC = Path(__file__).with_name("static")
log = logging.getLogger("app")


def create_app(
    settings: Settings,
    product: Product | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """Return the application for these settings; `product` defaults to `app/product.json`."""
    context = Context(
        settings=settings,
        product=product or load_product(),
        database=Database(settings.data_dir / "producto.sqlite3"),
        modules=discover(),
        clock=clock,
    )
    app = FastAPI(
        title="Producto Axon", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan
    )
    app.state.context = context
    app.state.seeds_loaded = False
    app.state.admin = AdminAccount(settings.admin_email, settings.admin_password)
    app.state.throttle = Throttle()
    for module in context.modules:
        app.include_router(module.router)
    if STATIC.is_dir():
        app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_api_route("/", _home, include_in_schema=False)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestLog)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    tasks: list[asyncio.Task[None]] = []
    with ExitStack() as stack:
        try:
            context.settings.data_dir.mkdir(parents=True, exist_ok=True)
            # While one connection is open, SQLite keeps its log: closing the last one rewrites it.
            stack.enter_context(context.database.reading())
            _prepare(context)
            app.state.seeds_loaded = True
            tasks = [
                asyncio.create_task(module.background(context))
                for module in context.modules
                if module.background is not None
            ]
        except (OSError, sqlite3.Error):
            # The service stays up and says so: /health answers 503 until it is restarted.
            log.exception("La base de datos no se pudo preparar en %s", context.settings.data_dir)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _prepare(context: Context) -> None:
    context.database.migrate()
    with context.database.transaction() as connection:
        for module in context.modules:
            if module.seed is not None:
                module.seed(context, connection)


async def _home() -> RedirectResponse:
    return RedirectResponse("/guia")
