"""The whole application without a socket: a hostile byte reaches it as it is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import httpx2
import pytest
from fastapi import Depends

from axon_factory.accounts import users
from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.passwords import Passwords
from axon_factory.accounts.sessions import Client
from axon_factory.api.authentication import require
from axon_factory.bootstrap import Container
from axon_factory.bootstrap.application import application_of
from axon_factory.db.sessions import Database
from axon_factory.domain.permissions import Action, KeyScope, Principal, Role
from tests.support.databases import WipedDatabase
from tests.support.workshop import CHEAP, make_container

EMAIL, PASSWORD = "ana@example.com", "correcto caballo"
HERE = Client("127.0.0.1", "pruebas")


@pytest.fixture(scope="session")
async def password_hash() -> str:
    passwords = Passwords(cost=CHEAP)
    made = await passwords.hash(PASSWORD)
    passwords.close()
    return made


@pytest.fixture(scope="session")
async def running(
    shared_database: WipedDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Container, httpx2.AsyncClient]]:
    """One factory and its application for all these tests: making them takes longer than a test."""
    container = make_container(shared_database.pool_url, tmp_path_factory.mktemp("factory"))
    app = application_of(container)
    for action in Action:
        app.get(f"/may/{action}")(_guarded(action))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="https://fabrica.example"
    ) as client:
        yield container, client
    container.passwords.close()
    await container.close()


@pytest.fixture
def database_url(wiped_database: WipedDatabase) -> str:
    """URL of the shared database, which is empty."""
    return wiped_database.url


@pytest.fixture
def container(
    running: tuple[Container, httpx2.AsyncClient], wiped_database: WipedDatabase
) -> Container:
    """The shared factory on its empty database."""
    del wiped_database
    return running[0]


@pytest.fixture
def database(container: Container) -> Database:
    return container.database


@pytest.fixture
def http(running: tuple[Container, httpx2.AsyncClient], container: Container) -> httpx2.AsyncClient:
    del container  # its database is empty now
    running[1].cookies.clear()
    return running[1]


def _guarded(action: Action) -> Callable[..., Any]:
    async def endpoint(principal: Annotated[Principal, Depends(require(action))]) -> str:
        return principal.id

    return endpoint


NewUser = Callable[..., Awaitable[UUID]]
NewSession = Callable[[UUID], Awaitable[UUID]]


@pytest.fixture
def new_user(database: Database, password_hash: str) -> NewUser:
    async def create(email: str, role: Role = Role.OPERATOR, client_id: str | None = None) -> UUID:
        async with database.transaction("test") as session:
            user = await users.create(
                session,
                email=email,
                name="Ana",
                role=role,
                password_hash=password_hash,
                client_id=client_id,
            )
        return user.id

    return create


@pytest.fixture
async def user_id(new_user: NewUser) -> UUID:
    return await new_user(EMAIL)


@pytest.fixture
def new_session(container: Container) -> NewSession:
    """A session that stands, without a login."""

    async def create(user_id: UUID) -> UUID:
        async with container.database.transaction("test") as session:
            return (await container.sessions.open(session, user_id, HERE)).session.id

    return create


@pytest.fixture
async def token(http: httpx2.AsyncClient, user_id: UUID) -> str:
    """The access token of a login."""
    login = await http.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})
    return login.json()["access_token"]


@pytest.fixture
def new_key(container: Container) -> Callable[..., Awaitable[str]]:
    async def create(scope: KeyScope = KeyScope.LECTURA, pepper: bytes | None = None) -> str:
        keys = ApiKeys(pepper) if pepper else container.api_keys
        async with container.database.transaction("test") as session:
            created = await keys.create(session, name="crm", scope=scope, created_by="local:test")
        return created.plaintext

    return create


@pytest.fixture
async def api_key(new_key: Callable[..., Awaitable[str]]) -> str:
    return await new_key()


@pytest.fixture
async def system_token(container: Container) -> str:
    """A permanent one."""
    async with container.database.transaction("test") as session:
        minted = await container.system_tokens.mint_permanent(
            session, agent="ops", created_by="local:test"
        )
    return minted.plaintext


@pytest.fixture(scope="session")
def assert_unauthenticated() -> Callable[..., None]:
    """Checks that an answer is the one 401 that says nothing about the reason."""

    def check(answer: httpx2.Response, name: str = "", scheme: str = "Bearer") -> None:
        assert answer.status_code == 401, (name, answer.text)
        assert answer.json() == {
            "error": "Authentication required",
            "message": "Valid JWT token or API key required",
            "codigo": "autenticacion_requerida",
            "type": "urn:axon-factory:error:autenticacion_requerida",
            "title": "Authentication required",
            "status": 401,
            "detail": "Valid JWT token or API key required",
            "instance": answer.request.url.path,
        }, name
        assert answer.headers["WWW-Authenticate"] == f'{scheme} realm="axon-factory"', name
        assert answer.headers["Cache-Control"] == "no-store", name

    return check
