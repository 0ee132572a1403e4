"""A small application with the real router, guards and error answers, over a real database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

import httpx2
import pytest
from fastapi import Depends, FastAPI

from axon_factory.accounts import users
from axon_factory.accounts.access_tokens import AccessTokens, TokenKeys
from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.passwords import Passwords
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.api.authentication import require
from axon_factory.api.errors import install_error_handlers
from axon_factory.api.routers import auth
from axon_factory.db.sessions import Database
from axon_factory.domain.permissions import Action, KeyScope, Principal, Role

PEPPER = b"pepper" * 8
EMAIL, PASSWORD = "ana@example.com", "correcto caballo"


@pytest.fixture(scope="session")
def pepper() -> bytes:
    return PEPPER


@pytest.fixture(scope="session")
def signing_key() -> bytes:
    return b"1" * 32


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture(scope="session")
async def password_hash(passwords: Passwords) -> str:
    return await passwords.hash(PASSWORD)


@pytest.fixture
def access_tokens(signing_key: bytes) -> AccessTokens:
    return AccessTokens(TokenKeys("k1", {"k1": signing_key}), issuer="axon", audience="api")


@pytest.fixture
async def user_id(database: Database, password_hash: str) -> UUID:
    async with database.transaction("test") as session:
        user = await users.create(
            session, email=EMAIL, name="Ana", role=Role.OPERATOR, password_hash=password_hash
        )
    return user.id


@pytest.fixture
async def http(
    database: Database, access_tokens: AccessTokens, passwords: Passwords
) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    authenticator = Authenticator(
        database,
        access_tokens=access_tokens,
        api_keys=ApiKeys(PEPPER),
        system_tokens=SystemTokens(PEPPER),
        passwords=passwords,
    )
    app.state.services = SimpleNamespace(authenticator=authenticator)
    install_error_handlers(app)
    app.include_router(auth.router)
    for action in Action:
        app.get(f"/may/{action}")(_guarded(action))

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://axon") as client:
        yield client


def _guarded(action: Action) -> Callable[..., Any]:
    async def endpoint(principal: Annotated[Principal, Depends(require(action))]) -> str:
        return principal.id

    return endpoint


@pytest.fixture
def new_key(database: Database) -> Callable[..., Awaitable[str]]:
    async def create(scope: KeyScope = KeyScope.LECTURA, pepper: bytes = PEPPER) -> str:
        async with database.transaction("test") as session:
            created = await ApiKeys(pepper).create(
                session, name="crm", scope=scope, created_by="local:test"
            )
        return created.plaintext

    return create


@pytest.fixture
async def api_key(new_key: Callable[..., Awaitable[str]]) -> str:
    return await new_key()


@pytest.fixture
async def system_token(database: Database) -> str:
    """A permanent one."""
    async with database.transaction("test") as session:
        minted = await SystemTokens(PEPPER).mint_permanent(
            session, agent="ops", created_by="local:test"
        )
    return minted.plaintext


@pytest.fixture(scope="session")
def assert_unauthenticated() -> Callable[..., None]:
    """Checks that an answer is the one 401 that says nothing about the reason."""

    def check(answer: httpx2.Response, name: str = "") -> None:
        assert answer.status_code == 401, name
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
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="axon-factory"', name
        assert answer.headers["Cache-Control"] == "no-store", name

    return check
