"""What a module of the product offers. `app/modules/*` are found by themselves."""

import importlib
import pkgutil
import sqlite3
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from app.database import Database
from app.product import Product
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """What every request may use."""

    settings: Settings
    product: Product
    database: Database
    modules: "tuple[Module, ...]"
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the administration page: a template and what it shows."""

    title: str
    template: str
    load: Callable[[Context, sqlite3.Connection], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Help:
    """A part of the usage guide: plain paragraphs."""

    title: str
    paragraphs: Callable[[Context], list[str]]


@dataclass(frozen=True, slots=True)
class Module:
    """One module: its routes and what it adds to the rest of the product."""

    name: str
    router: APIRouter = field(default_factory=APIRouter)
    integrations: Mapping[str, Callable[[Context], bool]] = field(default_factory=dict)
    """Slugs of the integrations it brings, and whether each has all it needs to work."""
    optional: bool = False
    """Its integrations wait for something only if the client asked for them."""
    seed: Callable[[Context, sqlite3.Connection], None] | None = None
    """Puts the client's initial data into the database; called at every start."""
    background: Callable[[Context], Coroutine[Any, Any, None]] | None = None
    """Runs beside the service until it stops, once the database is ready."""
    sections: tuple[Section, ...] = ()
    help: tuple[Help, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """Names and paths that the index of `/api` lists."""


def discover() -> tuple[Module, ...]:
    """Import every module of `app.modules` and return their `module`, by name."""
    package = importlib.import_module("app.modules")
    found = (
        importlib.import_module(f"app.modules.{info.name}").module
        for info in pkgutil.iter_modules(package.__path__)
    )
    return tuple(sorted(found, key=lambda module: module.name))


def integration_state(context: Context) -> tuple[list[str], list[str]]:
    """Return the slugs of the integrations that work, and of those that wait for something."""
    known = {slug: check for m in context.modules for slug, check in m.integrations.items()}
    expected = [slug for m in context.modules if not m.optional for slug in m.integrations]
    configured = [slug for slug, works in known.items() if works(context)]
    wanted = dict.fromkeys([*expected, *context.product.requested_integrations()])
    return configured, [slug for slug in wanted if slug not in configured]


def get_context(request: Request) -> Context:
    """Return the context of the application that serves this request."""
    return request.app.state.context


ContextDep = Annotated[Context, Depends(get_context)]
