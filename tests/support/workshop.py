"""A factory under test: its API over HTTP, every kind of principal, orders in any state."""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2

from axon_factory.accounts import users
from axon_factory.accounts.passwords import HashCost
from axon_factory.bootstrap import Container
from axon_factory.bootstrap.application import application_of
from axon_factory.db.tables import Order
from axon_factory.domain.permissions import Grant, KeyScope, Principal, Role, TokenRole
from axon_factory.domain.states import OrderState
from axon_factory.line.line import Line
from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import approve_plan
from axon_factory.orders.read import lock_order_by_id, read_order
from axon_factory.settings import load_settings
from tests.support.conformance import Conformance
from tests.support.ports import example_ports
from tests.support.server import running

__all__ = [
    "ADMIN",
    "CHEAP",
    "OWNER_ID",
    "PASSWORD",
    "SECRET_KEY",
    "Headers",
    "Json",
    "Workshop",
    "example_order",
    "make_container",
    "open_workshop",
    "password_hash_of",
]

OWNER_ID = "cliente-dueño"
SECRET_KEY = "k" * 32
_hashes: list[str] = []  # of PASSWORD: to hash it anew takes a tenth of a second of a core
PASSWORD = "correcto caballo batería"
ADMIN = Principal("local:test", "Prueba", Role.ADMIN, Grant.ADMIN)
CHEAP = HashCost(memory_kib=64, passes=1)
"""Of passwords in tests of other things."""
_KEYS = {f"key_{scope}": scope for scope in KeyScope}
_TOKENS = {
    "permanent": TokenRole.BUILDER,
    "council": TokenRole.COUNCIL,
    "ops": TokenRole.OPS,
}
Headers = Mapping[str, str]
Json = Any

_USERS = {
    "admin": (Role.ADMIN, None),
    "operator": (Role.OPERATOR, None),
    "owner": (Role.CLIENT, OWNER_ID),
    "other": (Role.CLIENT, "cliente-ajeno"),
}


def make_container(
    database_url: str,
    data_dir: Path,
    secret_key: str = SECRET_KEY,
    public_url: str = "https://fabrica.example",
    **limits: int,
) -> Container:
    settings = load_settings(
        data_dir=data_dir,
        secret_key=secret_key,
        public_url=public_url,
        support_email="support@axon88.com",
        product_runtime=data_dir / "runtime",
        # Tests ask more in a minute than any caller; those of the limits set their own.
        rate_limit_reads=0,
        rate_limit_writes=0,
        rate_limit_costly=0,
        rate_limit_anonymous=0,
        **limits,
    )
    return Container(settings, database_url, hash_cost=CHEAP)


def example_order(**changes: Json) -> dict[str, Any]:
    """A small order; `changes` replace its members."""
    return {
        "tipo_producto": "autopilot_whatsapp",
        "nombre_producto": "Bot de pruebas",
        "datos_cliente": {"nombre": "Empresa XYZ S.A.", "email": "contacto@empresa.com"},
        "cliente_id": OWNER_ID,
        **changes,
    }


@dataclass(frozen=True, slots=True)
class Workshop:
    """The running API and what tests need around it."""

    container: Container
    http: httpx2.AsyncClient
    line: Line
    headers: dict[str, Headers]
    """By name: admin, operator, owner, other, key_lectura, key_escritura, key_admin, permanent,
    council, ops."""

    async def log_in(self) -> None:
        """Get new access tokens for the people: they hold for a quarter of an hour."""
        for name in _USERS:
            self.headers[name] = await _logged_in(self.http, f"{name}@example.com")

    async def place(self, **changes: Json) -> UUID:
        answer = await self.http.post(
            "/api/orders", json=example_order(**changes), headers=self.headers["admin"]
        )
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def order(self, order_id: UUID) -> Order:
        async with self.container.database.reading() as session:
            return await read_order(session, str(order_id), ADMIN)

    async def placed_in(self, state: OrderState, **changes: Json) -> UUID:
        """Place an order and let the real line bring it to `state`.

        In `planificacion` its plan waits for approval; in `construccion` nothing is built yet; in
        `listo` it is deployed.
        """
        order_id = await self.place(**changes)
        if state in {OrderState.FALLIDO, OrderState.CANCELADO}:
            await self.patch(order_id, estado=state)
            return order_id
        while not _has_arrived(await self.order(order_id), state):
            if await self.line.advance(order_id) is None:
                await self._approve(order_id)
        return order_id

    async def patch(self, order_id: UUID, by: str = "admin", **changes: Json) -> httpx2.Response:
        answer = await self.attempt_patch(order_id, by, **changes)
        assert answer.status_code == 200, answer.text
        return answer

    async def attempt_patch(
        self, order_id: UUID, by: str = "admin", **changes: Json
    ) -> httpx2.Response:
        return await self.http.patch(
            f"/api/orders/{order_id}", json=changes, headers=self.headers[by]
        )

    async def show(self, order_id: UUID, by: str = "admin") -> dict[str, Any]:
        answer = await self.http.get(f"/api/orders/{order_id}", headers=self.headers[by])
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def attempt_token(self, order_id: UUID) -> Headers:
        """The token that an agent gets for the order's current attempt."""
        order = await self.order(order_id)
        async with self.container.database.transaction("test") as session:
            token = await self.container.system_tokens.mint_for_attempt(
                session, order_id=order_id, intento=order.intento, agent="QA Agent", created_by="t"
            )
        return {"X-System-Token": token.plaintext}

    async def new_principal(self, name: str) -> Headers:
        """The headers of a principal made now, of the same kind as `headers[name]`."""
        password_hash = await password_hash_of(self.container)
        email = f"{name}-{uuid4().hex}@example.com"
        return await _new_principal(self.container, self.http, name, email, password_hash)

    async def _approve(self, order_id: UUID) -> None:
        async with self.container.database.transaction("test") as session:
            order = await lock_order_by_id(session, order_id)
            policy, now = self.container.policy, order.updated_at
            await approve_plan(Change(session, order, ADMIN.actor, policy, now))


def _has_arrived(order: Order, state: OrderState) -> bool:
    if order.estado != state:
        return False
    if state is OrderState.PLANIFICACION:
        return order.plan_estado == "pendiente_aprobacion"
    return state is not OrderState.LISTO or order.resultado is not None


@contextlib.asynccontextmanager
async def open_workshop(
    database_url: str,
    data_dir: Path,
    secret_key: str = SECRET_KEY,
    public_url: str = "https://fabrica.example",
    **limits: int,
) -> AsyncGenerator[Workshop]:
    """Start the API of a factory on `database_url` and make every principal.

    `limits` are settings: how often a login may fail, for instance.
    """
    container = make_container(database_url, data_dir, secret_key, public_url, **limits)
    line = Line(
        container.database,
        example_ports(container.secret_box),
        container.policy,
        products=data_dir,
        worker="test",
        tokens=container.system_tokens,
    )
    try:
        app = application_of(container)
        async with running(app) as http:
            http.event_hooks = {"response": [Conformance(app.openapi).check]}
            headers = await _principals(container, http)
            yield Workshop(container, http, line, headers)
    finally:
        container.passwords.close()
        await container.close()


async def password_hash_of(container: Container) -> str:
    """Return a hash of PASSWORD, the same for every user of every factory."""
    if not _hashes:
        _hashes.append(await container.passwords.hash(PASSWORD))
    return _hashes[0]


async def _principals(container: Container, http: httpx2.AsyncClient) -> dict[str, Headers]:
    password_hash = await password_hash_of(container)
    headers: dict[str, Headers] = {}
    for name in (*_USERS, *_KEYS, *_TOKENS, "none"):
        headers[name] = await _new_principal(
            container, http, name, f"{name}@example.com", password_hash
        )
    return headers


async def _new_principal(
    container: Container, http: httpx2.AsyncClient, name: str, email: str, password_hash: str
) -> Headers:
    if name == "none":
        return {}
    async with container.database.transaction("test") as session:
        if name in _TOKENS:
            token = await container.system_tokens.mint_permanent(
                session, agent=f"Agente {name}", role=_TOKENS[name], created_by="t"
            )
            return {"X-System-Token": token.plaintext}
        if name in _KEYS:
            key = await container.api_keys.create(
                session, name=f"clave-{uuid4().hex[:8]}", scope=_KEYS[name], created_by="t"
            )
            return {"X-API-Key": key.plaintext}
        role, client_id = _USERS[name]
        await users.create(
            session,
            email=email,
            name=name,
            role=role,
            password_hash=password_hash,
            client_id=client_id,
        )
    return await _logged_in(http, email)


async def _logged_in(http: httpx2.AsyncClient, email: str) -> Headers:
    answer = await http.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
