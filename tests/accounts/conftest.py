"""The services of accounts over a real database, with known secrets."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from axon_factory.accounts import users
from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.passwords import LoginLimits, Passwords, Throttle
from axon_factory.accounts.sessions import Client, SessionLimits, Sessions
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.accounts.tokens import AccessTokens, TokenKeys
from axon_factory.db.sessions import Database
from axon_factory.db.tables import Order, User
from axon_factory.domain.permissions import Role
from tests.support.databases import WipedDatabase

PEPPER = b"pepper" * 8
PASSWORD = "correcto caballo batería"


@pytest.fixture
def database_url(wiped_database: WipedDatabase) -> str:
    """URL of the shared database, which is empty."""
    return wiped_database.url


@pytest.fixture
def database(wiped_database: WipedDatabase) -> Database:
    """The open pool of the shared database."""
    return wiped_database.database


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture(scope="session")
async def password_hash(passwords: Passwords) -> str:
    return await passwords.hash(PASSWORD)


@pytest.fixture(scope="session")
def password() -> str:
    return PASSWORD


@pytest.fixture(scope="session")
def access_tokens() -> AccessTokens:
    return AccessTokens(TokenKeys("k1", {"k1": b"1" * 32}), issuer="axon", audience="api")


@pytest.fixture(scope="session")
def api_keys() -> ApiKeys:
    return ApiKeys(PEPPER)


@pytest.fixture(scope="session")
def system_tokens() -> SystemTokens:
    return SystemTokens(PEPPER)


@pytest.fixture(scope="session")
def sessions() -> Sessions:
    return Sessions(PEPPER, SessionLimits())


@pytest.fixture(scope="session")
def client() -> Client:
    return Client("192.0.2.7", "pruebas/1.0")


@pytest.fixture
def authenticator(
    database: Database,
    access_tokens: AccessTokens,
    api_keys: ApiKeys,
    system_tokens: SystemTokens,
    passwords: Passwords,
    sessions: Sessions,
) -> Authenticator:
    return Authenticator(
        database,
        access_tokens=access_tokens,
        api_keys=api_keys,
        system_tokens=system_tokens,
        passwords=passwords,
        sessions=sessions,
        throttle=Throttle(LoginLimits()),
    )


NewUser = Callable[..., Awaitable[User]]
NewToken = Callable[[User], Awaitable[str]]
NewOrder = Callable[[], Awaitable[UUID]]


@pytest.fixture
def new_user(database: Database, password_hash: str) -> NewUser:
    async def create(email: str = "ana@example.com", role: Role = Role.OPERATOR) -> User:
        async with database.transaction("test") as session:
            return await users.create(
                session,
                email=email,
                name="Ana",
                role=role,
                password_hash=password_hash,
                client_id="cliente-1" if role is Role.CLIENT else None,
            )

    return create


@pytest.fixture
def new_token(
    database: Database, access_tokens: AccessTokens, sessions: Sessions, client: Client
) -> NewToken:
    """An access token of a session that stands, without a login."""

    async def create(user: User) -> str:
        async with database.transaction("test") as session:
            opened = (await sessions.open(session, user.id, client)).session
        return access_tokens.issue(user.id, opened.id).token

    return create


@pytest.fixture
def new_order(database: Database) -> NewOrder:
    """An order in `nuevo`, attempt 1; tests move it on with SQL."""

    async def create() -> UUID:
        order_id = uuid4()
        now = datetime.now(UTC)
        async with database.transaction("test") as session:
            session.add(
                Order(
                    id=order_id,
                    order_number=f"ORD-{order_id}",
                    slug=f"bot-{order_id.hex[:8]}",
                    tipo_producto="autopilot_whatsapp",
                    nombre_producto="Bot",
                    datos_cliente={"nombre": "A", "email": "a@example.com", "configuracion": {}},
                    created_at=now,
                    updated_at=now,
                    precio=Decimal(1),
                    moneda="USD",
                    catalogo={"id": "autopilot_whatsapp", "version": 1},
                    tenant="t",
                    created_by="test",
                )
            )
        return order_id

    return create
