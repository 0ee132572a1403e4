"""Words that only some may read, planted in every field and searched for everywhere.

Three lives are lived over the API: one order is delivered, one fails, one is being built. Then
every reading route is asked by a principal of each sight, those who may not read all write to
copies of the orders, and the answers, the database, the log and the mails are searched. `make
matrix` asks as every principal, also for the writes that the table of permissions refuses.
"""

import asyncio
import contextlib
import itertools
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx2
import psycopg
import pytest
import structlog
from psycopg import sql
from sqlalchemy import text as statement

from axon_factory.accounts import users
from axon_factory.api.routes import declared_routes
from axon_factory.bootstrap.application import application_of
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.permissions import PERMISSIONS, Role
from axon_factory.domain.states import OrderState
from tests.permissions.conftest import CALLERS
from tests.permissions.operations import OPERATIONS, ORDER
from tests.support.copies import copy_orders
from tests.support.destinations import make_destination
from tests.support.pages import is_page
from tests.support.portal import client_signed_in
from tests.support.workshop import OWNER_ID, Headers, Workshop, open_workshop

PASSWORD = "Persona-Secreta-Larga-77"
MAILS = statement("SELECT recipient, subject, body FROM outbox_messages")
STAFF = frozenset({"admin", "operator", "key_lectura", "key_admin"})
WITH_OWNER = STAFF | {"owner"}

CANARIES: Mapping[str, frozenset[str]] = {
    "canario-notas": STAFF,
    "canario-sesion": STAFF,
    "canario-fallo": STAFF | {"attempt"},
    "canario-rechazo": STAFF,
    "Persona Canaria": STAFF,
    "canario@cliente.example": WITH_OWNER,
    "canario-pais": WITH_OWNER,
    "canario-industria": WITH_OWNER | {"attempt"},
    "canario-entrada": WITH_OWNER | {"attempt"},
}
"""What is planted, and who may read it; the factory's own database and mails may hold these."""
LIMITED = ("owner", "other", "attempt", "permanent", "key_escritura")
"""Who writes to orders and may not read all of them."""
WRITES = [key for key in OPERATIONS if key[0] != "GET" and key[1].startswith(ORDER)]
ONE_OF_EACH_SIGHT = ("admin", "owner", "other", "attempt", "permanent", "council")
"""All orders, one's own, another's, an attempt's, none, and what the reviews show."""
NOT_CRAWLED = {
    "/git/{slug}.git/info/refs": "the files of a product",
    "/static/{name}": "installed files, the same for everybody",
    "/portal/{token}": "test_the_portal_shows_what_the_client_may_read",
    "/portal/{token}/credenciales": "it leads back to the page",
    "/portal/{token}/problema": "test_the_portal_shows_what_the_client_may_read",
    "/cuenta/enlace/{token}": "a link of an account names no order",
    "/portal": "test_the_portal_shows_what_the_client_may_read",
    "/portal/ordenes/{number}": "test_the_portal_shows_what_the_client_may_read",
    "/portal/ordenes/{number}/credenciales": "it leads back to the page",
    "/portal/ordenes/{number}/problema": "test_the_portal_shows_what_the_client_may_read",
}
KINDS = ("users", "keys", "system-tokens", "notifications/destinations", "notifications/deliveries")
"""What has a list, and a route for each by its `{id}`."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A factory with canaries, and the secrets that it gave out."""

    workshop: Workshop
    delivered: UUID
    failed: UUID
    built: UUID
    secrets: Mapping[str, str]
    log: Path


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Everything that is logged while the lives are lived, at the chattiest level."""
    file = tmp_path_factory.mktemp("log") / "log.txt"
    before = structlog.get_config()
    with file.open("w", encoding="utf-8") as target:
        structlog.configure(
            processors=[structlog.processors.JSONRenderer(default=repr)],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
            logger_factory=structlog.PrintLoggerFactory(target),
            cache_logger_on_first_use=False,
        )
        yield file
    structlog.configure(**before)


@pytest.fixture(scope="module")
async def planted(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory, log_file: Path
) -> AsyncIterator[Planted]:
    folder = tmp_path_factory.mktemp("canaries")
    async with open_workshop(module_database_url, folder) as workshop:
        admin = await _named_admin(workshop)
        delivered = await _deliver(workshop, admin)
        failed = await _fail(workshop, admin)
        built = await _place(workshop, admin)
        await _decide(workshop, admin, built, "approve")
        await make_destination(workshop)
        revealed = await workshop.http.post(
            f"/api/orders/{delivered}/credentials/reveal",
            headers={**workshop.headers["owner"], "Idempotency-Key": "canario"},
        )
        assert revealed.status_code == 200, revealed.text
        attempt = await workshop.attempt_token(failed)
        secrets = {
            f"credencial {name}": value
            for name, value in revealed.json()["credentials"].items()
            if not value.startswith("http") and "@" not in value
        }
        for name, headers in {**workshop.headers, "attempt": attempt}.items():
            for value in headers.values():
                secrets[f"acceso {name}"] = value.removeprefix("Bearer ")
        secrets["contraseña"] = PASSWORD
        yield Planted(workshop, delivered, failed, built, secrets, log_file)


async def _named_admin(workshop: Workshop) -> Headers:
    container = workshop.container
    password_hash = await container.passwords.hash(PASSWORD)
    async with container.database.transaction("test") as session:
        await users.create(
            session,
            email="persona@example.com",
            name="Persona Canaria",
            role=Role.ADMIN,
            password_hash=password_hash,
        )
    answer = await workshop.http.post(
        "/api/auth/login", json={"email": "persona@example.com", "password": PASSWORD}
    )
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def _place(workshop: Workshop, admin: Headers) -> UUID:
    answer = await workshop.http.post(
        "/api/orders",
        headers=admin,
        json={
            "tipo_producto": "autopilot_whatsapp",
            "nombre_producto": "Bot",
            "cliente_id": OWNER_ID,
            "datos_cliente": {
                "nombre": "Empresa",
                "email": "canario@cliente.example",
                "industria": "canario-industria",
                "pais": "canario-pais",
            },
            "notas_internas": "canario-notas",
        },
    )
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


async def _decide(workshop: Workshop, admin: Headers, order_id: UUID, act: str) -> None:
    while await workshop.line.advance(order_id) is not None:
        pass
    order = await workshop.order(order_id)
    body = {"plan_version": order.plan_version, "plan_hash": order.plan_hash}
    answer = await workshop.http.post(
        f"/api/orders/{order_id}/{act}", json=body | {"motivo": "canario-rechazo"}, headers=admin
    )
    assert answer.status_code == 200, answer.text


async def _deliver(workshop: Workshop, admin: Headers) -> UUID:
    order_id = await _place(workshop, admin)
    await _decide(workshop, admin, order_id, "reject")
    await _decide(workshop, admin, order_id, "approve")
    report = {"session_id": "canario-sesion", "asignado_a": "Persona Canaria"}
    entry = {"mensaje": "canario-entrada", "tipo": "info"}
    answer = await workshop.http.patch(
        f"/api/orders/{order_id}", json=report | {"logs": [entry]}, headers=admin
    )
    assert answer.status_code == 200, answer.text
    while (await workshop.order(order_id)).estado != OrderState.ENTREGADO:
        await workshop.line.advance(order_id)
    return order_id


async def _fail(workshop: Workshop, admin: Headers) -> UUID:
    order_id = await _place(workshop, admin)
    answer = await workshop.http.patch(
        f"/api/orders/{order_id}",
        json={"estado": "fallido", "motivo": "canario-fallo", "asignado_a": "Persona Canaria"},
        headers=admin,
    )
    assert answer.status_code == 200, answer.text
    return order_id


async def _places(planted: Planted) -> list[str]:
    """Every reading route: about both orders that ended, about everything that has a list."""
    workshop = planted.workshop
    places: set[str] = set()
    for route in declared_routes(application_of(workshop.container).routes):
        if "GET" not in route.methods or route.path in NOT_CRAWLED or is_page(route):
            continue
        name = route.path.removeprefix("/api/").removesuffix("/{id}")
        ids = (
            await _listed(workshop, name)
            if name in KINDS and "{id}" in route.path
            else [str(planted.delivered), str(planted.failed)]
        )
        for kind, each in itertools.product(PRODUCT_TYPES, ids):
            places.add(route.path.format(id=each, version=1, product_id=kind))
    return sorted(places)


async def _listed(workshop: Workshop, name: str) -> list[str]:
    """Return the ids of everything in a list of the API."""
    answer = await workshop.http.get(f"/api/{name}", headers=workshop.headers["admin"])
    assert answer.status_code == 200, answer.text
    (found,) = (value for value in answer.json().values() if isinstance(value, list))
    assert found, name
    return [each["id"] for each in found]


async def _read(planted: Planted, place: str, headers: Headers) -> str:
    """Everything that a place answers; a stream is read until it has nothing more to say."""
    text = ""
    try:
        async with asyncio.timeout(2 if place.endswith("/stream") else 60):
            async with planted.workshop.http.stream("GET", place, headers=headers) as answer:
                text = json.dumps(dict(answer.headers))
                async for chunk in answer.aiter_text():
                    text += chunk
    except TimeoutError:
        assert place.endswith("/stream")
    return text


def _leaks(planted: Planted, text: str, where: str, caller: str) -> list[str]:
    """Return what stands in an answer to `caller` and is not for them."""
    return [
        *(
            f"{canary} in {where} for {caller}"
            for canary, readers in CANARIES.items()
            if canary in text and caller not in readers
        ),
        *(
            f"{name} in {where} for {caller}"
            for name, secret in planted.secrets.items()
            if secret in text
        ),
    ]


async def test_no_answer_shows_what_its_reader_may_not_read(planted: Planted) -> None:
    await require_no_leak_in_reads(planted, ONE_OF_EACH_SIGHT)


@pytest.mark.nightly
async def test_no_answer_to_anybody_shows_it(planted: Planted) -> None:
    asking = [each.name for each in CALLERS if each.grant and each.name != "other_attempt"]
    await require_no_leak_in_reads(planted, asking)


async def require_no_leak_in_reads(planted: Planted, asking: Sequence[str]) -> None:
    attempt = await planted.workshop.attempt_token(planted.failed)
    places, busy = await _places(planted), asyncio.Semaphore(4)

    async def read(caller: str, place: str, accept: Headers) -> list[str]:
        headers = attempt if caller == "attempt" else planted.workshop.headers[caller]
        async with contextlib.nullcontext() if place.endswith("/stream") else busy:
            text = await _read(planted, place, {**headers, **accept})
        seen.update(canary for canary in CANARIES if canary in text)
        return _leaks(planted, text, place, caller)

    seen: set[str] = set()
    leaks = await asyncio.gather(
        *(
            read(caller, place, accept)
            for caller, place in itertools.product(asking, places)
            for accept in ({}, {"Accept": "text/csv"})[: 2 if place == "/api/orders" else 1]
        )
    )
    assert list(itertools.chain(*leaks)) == []
    assert seen == set(CANARIES)  # each was really planted


@pytest.mark.parametrize("name", ["delivered", "failed", "built"])
async def test_no_answer_to_a_write_shows_it_either(planted: Planted, name: str) -> None:
    """A write that the table refuses is answered before its order is read."""
    grants = {caller.name: caller.grant for caller in CALLERS}
    actions = {
        (method, route.path): route.action
        for route in declared_routes(application_of(planted.workshop.container).routes)
        for method in route.methods
    }
    granted = [
        (caller, write)
        for caller, write in itertools.product(LIMITED, WRITES)
        if (action := actions[write]) and grants[caller] in PERMISSIONS[action].grants
    ]
    await require_no_leak_in_writes(planted, name, granted)


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["delivered", "failed", "built"])
async def test_no_answer_to_any_write_shows_it(planted: Planted, name: str) -> None:
    await require_no_leak_in_writes(planted, name, list(itertools.product(LIMITED, WRITES)))


async def require_no_leak_in_writes(
    planted: Planted, name: str, asked: Sequence[tuple[str, tuple[str, str]]]
) -> None:
    workshop, source = planted.workshop, getattr(planted, name)
    order = await workshop.order(source)
    copies = await copy_orders(workshop, source, len(asked))
    leaks: list[str] = []
    served: set[str] = set()
    for copy, (caller, (method, path)) in zip(copies, asked, strict=True):
        by_token = caller == "attempt"
        headers = await workshop.attempt_token(copy) if by_token else workshop.headers[caller]
        body = OPERATIONS[method, path].body_for(order)
        url = path.format(id=copy, numero=1)
        answer = await workshop.http.request(method, url, json=body, headers=headers)
        if answer.is_success:
            served.add(path)
        if path.endswith("/reveal") and answer.is_success:
            assert caller == "owner"
            continue  # what it is there for
        text = json.dumps(dict(answer.headers)) + answer.text
        leaks += _leaks(planted, text, f"{method} {path}", caller)
    assert leaks == []
    assert served  # not all of them were turned away


async def test_the_portal_shows_what_the_client_may_read(planted: Planted) -> None:
    workshop, places = planted.workshop, ["/portal"]
    async with client_signed_in(workshop) as browser:
        for order_id in (planted.delivered, planted.failed, planted.built):
            link = httpx2.URL(workshop.container.portal_links.url(order_id)).path
            own = f"/portal/ordenes/{(await workshop.order(order_id)).order_number}"
            places += [link, f"{link}/problema", own, f"{own}/problema"]
        for place in places:
            answer = await browser.get(place)
            assert answer.status_code == 200, answer.text
            assert _leaks(planted, answer.text, place, "owner") == []


async def test_the_database_holds_no_secret_in_clear(
    planted: Planted, module_database_url: str
) -> None:
    async with await psycopg.AsyncConnection.connect(module_database_url) as connection:
        found = await connection.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        tables = [name for (name,) in await found.fetchall()]
        assert len(tables) > 10
        for table in tables:
            rows = await connection.execute(
                sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table))
            )
            dump = "\n".join(row for (row,) in await rows.fetchall())
            for name, secret in planted.secrets.items():
                assert secret not in dump, f"{name} in {table}"
                assert secret.encode().hex() not in dump, f"{name} in {table}, as bytes"


async def test_logs_and_mails_hold_neither(planted: Planted) -> None:
    logged = planted.log.read_text(encoding="utf-8")
    for name, secret in planted.secrets.items():
        assert secret not in logged, f"{name} in the log"
    for canary in ("canario-notas", "canario@cliente.example"):
        assert canary not in logged
    async with planted.workshop.container.database.reading() as session:
        found = await session.execute(MAILS)
        mails = found.all()
    assert mails
    for recipient, subject, body in mails:
        for name, secret in planted.secrets.items():
            assert secret not in subject + body, f"{name} in a mail"
        if recipient == "canario@cliente.example":
            for canary, readers in CANARIES.items():
                assert "owner" in readers or canary not in subject + body, canary
