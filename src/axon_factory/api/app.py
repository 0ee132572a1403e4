"""Assemble the API's routes on an application."""

from fastapi import FastAPI

from axon_factory.api.errors import install_error_handlers
from axon_factory.api.middleware import BodyLimit, ResponseGuard
from axon_factory.api.routers import (
    auth,
    decisions,
    health,
    orders,
    products,
    reading,
    repositories,
)
from axon_factory.api.services import ApiServices

__all__ = ["add_api"]


def add_api(app: FastAPI, services: ApiServices, *, max_body_bytes: int = 256 * 1024) -> None:
    """Add routes, error handlers and middleware of the API to `app`."""
    app.state.services = services
    install_error_handlers(app)
    for module in (health, auth, products, orders, reading, decisions, repositories):
        app.include_router(module.router)
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    app.add_middleware(ResponseGuard)
