"""The session of the factory's own pages lets a page of its origin in, and nobody else."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from starlette.datastructures import Headers

from axon_factory.api.routes import add_routes
from axon_factory.api.sockets import ApiSocketGuards
from axon_factory.domain.permissions import Grant, Principal, Role
from axon_factory.realtime.credentials import Credentials
from axon_factory.realtime.lookups import Lookups
from axon_factory.realtime.routes import socket_router
from axon_factory.realtime.services import SocketServices, StreamServices
from tests.realtime.sockets import opened
from tests.support.server import running
from tests.support.workshop import Workshop

_PERSON = Principal("user:persona", "Ana", Role.OPERATOR, Grant.OPERATOR)
_COOKIE = {"Cookie": "sesion=buena"}
_OWN, _ALLOWED = "https://fabrica.example", "https://panel.example"


@pytest.fixture
async def living() -> set[str]:
    """The sessions that hold."""
    return {"sesion=buena"}


@pytest.fixture
async def url(workshop: Workshop, living: set[str]) -> AsyncIterator[str]:
    async def still_holds() -> bool:
        return "sesion=buena" in living

    async def cookie_principal(headers: Headers) -> object:
        return (_PERSON, still_holds) if headers.get("cookie") in living else None

    container = workshop.container
    streams = StreamServices(
        container.database,
        container.fanout,
        Credentials(container.database, container.authenticator),
        Lookups(container.database),
    )
    services = SocketServices(
        streams,
        ApiSocketGuards(),
        own_origin=_OWN,
        origins=frozenset({_ALLOWED}),
        cookie_principal=cookie_principal,  # pyright: ignore[reportArgumentType] — its result is the pair
    )
    app = FastAPI()
    add_routes(app, socket_router(services, _OWN))
    async with running(app) as http:
        yield str(http.base_url)


async def test_a_page_of_the_factory_is_let_in_by_its_session(url: str, workshop: Workshop) -> None:
    order_id = await workshop.place()
    async with opened(url, origin=_OWN, headers=_COOKIE) as socket:
        accepted = await socket.next()
        assert (accepted["type"], accepted["rol"]) == ("auth_ok", "operator")
        assert (await socket.subscribe(order_id))["type"] == "subscribed"


@pytest.mark.parametrize("origin", [_ALLOWED, None])
async def test_the_session_counts_for_no_other_origin(url: str, origin: str | None) -> None:
    async with opened(url, origin=origin, headers=_COOKIE) as socket:
        await socket.send({"type": "subscribe", "filtros": {}})
        assert (await socket.next())["codigo"] == "autenticacion_requerida"


async def test_a_session_that_ends_ends_the_connection(url: str, living: set[str]) -> None:
    async with opened(url, origin=_OWN, headers=_COOKIE) as socket:
        assert (await socket.next())["type"] == "auth_ok"
        living.clear()
        assert (await socket.next())["codigo"] == "credencial_terminada"
        assert await socket.closed() == (4401, "credencial_terminada")
