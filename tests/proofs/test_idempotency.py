"""`Idempotency-Key` on every writing route of the route table (resolutions 17).

Twenty at once: one route of each kind in `make test`, all of them in `make variants`.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx2
import psycopg
import pytest
from sqlalchemy import text

from axon_factory.bootstrap.application import application_of
from axon_factory.domain.permissions import PUBLIC_ROUTES, Role
from tests.proofs.contents import contents, growth
from tests.proofs.copies import Copies
from tests.proofs.kitchen import Kitchen, Prepared
from tests.proofs.recipes import ONE_OF_EACH_KIND, RECIPES
from tests.proofs.writes import Endpoint, other_endpoints, writing_endpoints
from tests.support.workshop import Headers, Workshop

EVERY = pytest.mark.parametrize("endpoint", RECIPES, ids=str)
REPLAYED = "Idempotency-Replayed"
Waits = Callable[[asyncio.Task[httpx2.Response]], Awaitable[None]]
_KEPT = "SELECT encode(ciphertext, 'escape') FROM idempotency_keys WHERE key = :key"
_WAITING = """
    SELECT count(*) FROM pg_locks
    WHERE relation = 'idempotency_keys'::regclass AND NOT granted
    """
UNSTORABLE = "imposible"
_REFUSE = f"""
    ALTER TABLE idempotency_keys ADD CONSTRAINT impossible
    CHECK (key NOT LIKE '{UNSTORABLE}%') NOT VALID
    """
_REFUSE_NO_MORE = "ALTER TABLE idempotency_keys DROP CONSTRAINT impossible"


@dataclass(frozen=True, slots=True)
class Store:
    """The table of kept answers, to be shut.

    It never takes an answer under a key that begins with UNSTORABLE. `unchecked` is a client of the
    same API that accepts what no document of an API has: status 500.
    """

    holder: psycopg.AsyncConnection
    watcher: psycopg.AsyncConnection
    unchecked: httpx2.AsyncClient

    @asynccontextmanager
    async def shut(self) -> AsyncGenerator[Waits]:
        """Stop every keyed write before its work; yields a function that waits until one is."""
        await self.holder.execute("LOCK TABLE idempotency_keys IN ACCESS EXCLUSIVE MODE")

        async def first_waits(first: asyncio.Task[httpx2.Response]) -> None:
            while (await (await self.watcher.execute(_WAITING)).fetchone()) == (0,):
                assert not first.done(), first.result().text
                await asyncio.sleep(0.002)

        try:
            yield first_waits
        finally:
            await self.holder.rollback()


@pytest.fixture(scope="module")
async def store(workshop: Workshop) -> AsyncIterator[Store]:
    url, address = workshop.container.database.url, workshop.http.base_url
    async with (
        await psycopg.AsyncConnection.connect(url) as holder,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as watcher,
        httpx2.AsyncClient(base_url=address, timeout=60) as unchecked,
    ):
        await watcher.execute(_REFUSE)
        yield Store(holder, watcher, unchecked)
        await watcher.execute(_REFUSE_NO_MORE)


@pytest.fixture
async def kitchen(workshop: Workshop, copies: Copies) -> Kitchen:
    return Kitchen(workshop, copies)


@pytest.fixture(scope="module")
async def second_admin(workshop: Workshop, copies: Copies) -> Headers:
    kitchen = Kitchen(workshop, copies)
    _, email = await kitchen.user(Role.ADMIN)
    return await kitchen.log_in(email)


async def prepared(kitchen: Kitchen, endpoint: Endpoint, by: Headers | None = None) -> Prepared:
    return await RECIPES[endpoint](kitchen, by or kitchen.workshop.headers["admin"])


def new_key() -> str:
    return f"clave-{uuid4().hex}"


def test_every_writing_route_is_here(workshop: Workshop) -> None:
    app = application_of(workshop.container)
    assert set(writing_endpoints(app)) == set(RECIPES)
    # git asks by POST, and changes nothing. A page's form sends its key on to the API.
    reading = {*PUBLIC_ROUTES, "/git/{slug}.git/git-upload-pack"}
    others = {endpoint.path for endpoint in other_endpoints(app)}
    assert {path for path in others if path.startswith(("/api/", "/git/"))} <= reading


@EVERY
async def test_a_key_has_one_effect_and_one_answer(
    kitchen: Kitchen, endpoint: Endpoint, second_admin: Headers, store: Store
) -> None:
    """One request goes through everything that may become of it under a key."""
    workshop, key = kitchen.workshop, new_key()
    request = await prepared(kitchen, endpoint)
    before = await contents(workshop)
    await require_malformed_keys_refused(workshop, request)
    await require_no_write_without_its_answer(store, request)
    assert await contents(workshop) == before
    first = await require_second_refused_in_flight(workshop, store, request, key)
    after = await contents(workshop)
    assert after != before
    await require_first_answer(workshop, request, key, first)
    await require_other_requests_refused(kitchen, request, key)
    assert await contents(workshop) == after
    await require_sealed(workshop, key, first.text)
    theirs = await prepared(kitchen, endpoint, second_admin)
    answer = await theirs.send(workshop.http, key)
    assert answer.is_success, answer.text
    assert REPLAYED not in answer.headers


async def require_malformed_keys_refused(workshop: Workshop, request: Prepared) -> None:
    for key in ("con espacio", "x" * 256, "ñ".encode(), b"tab\tulado"):
        answer = await request.send(workshop.http, key)
        assert answer.status_code == 400, (key, answer.text)
        assert "Idempotency-Key" in answer.json()["details"]


async def require_no_write_without_its_answer(store: Store, request: Prepared) -> None:
    """The answer cannot be stored: the caller looks whether the write has happened either."""
    answer = await request.send(store.unchecked, f"{UNSTORABLE}-{uuid4().hex}")
    assert answer.status_code == 500, answer.text


async def require_second_refused_in_flight(
    workshop: Workshop, store: Store, request: Prepared, key: str
) -> httpx2.Response:
    """Return the answer of the first, which is let go on once the second is refused."""
    async with store.shut() as first_waits:
        sent = asyncio.create_task(request.send(workshop.http, key))
        await first_waits(sent)
        second = await request.repeat(workshop.http, key)
        assert (second.status_code, second.json()["codigo"]) == (409, "solicitud_en_curso")
    first = await sent
    assert first.is_success, first.text
    assert REPLAYED not in first.headers
    return first


async def require_first_answer(
    workshop: Workshop, request: Prepared, key: str, first: httpx2.Response
) -> None:
    for _ in range(2):
        again = await request.repeat(workshop.http, key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers[REPLAYED] == "true"
        for name in ("ETag", "Location", "Content-Type", "Cache-Control"):
            assert again.headers.get(name) == first.headers.get(name)


async def require_other_requests_refused(kitchen: Kitchen, request: Prepared, key: str) -> None:
    """Another body and another operation are refused under the key."""
    http, headers = kitchen.workshop.http, request.again or request.headers
    method, below = request.other
    path = f"/api/orders/00000000-0000-4000-8000-000000000000{below}"
    refused = [await Prepared(method, path, headers, {}).send(http, key)]
    if request.otherwise is not None:
        refused.append(await request.send(http, key, body=request.otherwise, headers=headers))
    reused = (422, "clave_de_idempotencia_reutilizada")
    assert {(other.status_code, other.json()["codigo"]) for other in refused} == {reused}


async def require_sealed(workshop: Workshop, key: str, answer: str) -> None:
    """Require that the kept answer shows no word of the answer."""
    async with workshop.container.database.reading() as session:
        kept = await session.scalar(text(_KEPT), {"key": key})
    words = [word for word in answer.split('"') if len(word) >= 6]
    assert words
    assert [word for word in words if word in kept] == []


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(endpoint, marks=[] if endpoint in ONE_OF_EACH_KIND else pytest.mark.nightly)
        for endpoint in RECIPES
    ],
    ids=str,
)
async def test_twenty_at_once_have_one_effect(kitchen: Kitchen, endpoint: Endpoint) -> None:
    http, key = kitchen.workshop.http, new_key()
    alone = await prepared(kitchen, endpoint)
    before = await contents(kitchen.workshop)
    assert (await alone.send(http, new_key())).is_success
    once = growth(before, await contents(kitchen.workshop))
    together = await prepared(kitchen, endpoint)
    between = await contents(kitchen.workshop)
    answers = await asyncio.gather(*(together.send(http, key) for _ in range(20)))
    assert growth(between, await contents(kitchen.workshop)) == once
    given = [answer for answer in answers if answer.is_success]
    assert len({answer.content for answer in given}) == 1
    assert sum(REPLAYED not in answer.headers for answer in given) == 1
    # A caller who ends the own session may find it ended.
    refusals = {409, 401} if together.again else {409}
    if endpoint.path == "/api/auth/password":
        refusals |= {429, 503}  # so many passwords are not verified at once
    assert {answer.status_code for answer in answers if not answer.is_success} <= refusals


async def test_a_key_is_kept_for_a_day(kitchen: Kitchen) -> None:
    http, key = kitchen.workshop.http, new_key()
    request = await prepared(kitchen, Endpoint("POST", "/api/orders"))
    first = await request.send(http, key)
    database = kitchen.workshop.container.database
    async with database.transaction("test") as session:
        kept_for = await session.scalar(
            text("SELECT expires_at - created_at FROM idempotency_keys WHERE key = :key"),
            {"key": key},
        )
        assert kept_for.total_seconds() == 24 * 60 * 60
        await session.execute(
            text("UPDATE idempotency_keys SET expires_at = now() WHERE key = :key"), {"key": key}
        )
    second = await request.send(http, key)
    assert second.status_code == 201
    assert REPLAYED not in second.headers
    assert second.json()["id"] != first.json()["id"]
    third = await request.send(http, key)
    assert (third.content, third.headers[REPLAYED]) == (second.content, "true")


async def test_what_was_refused_is_decided_anew(kitchen: Kitchen) -> None:
    http, key = kitchen.workshop.http, new_key()
    request = await prepared(kitchen, Endpoint("POST", "/api/orders/{id}/retry"))
    stale = await request.send(http, key, headers={**request.headers, "If-Match": '"1"'})
    by_nobody = await request.send(http, key, headers={"X-API-Key": "axk_no"})
    by_client = await request.send(http, key, headers=kitchen.workshop.headers["owner"])
    statuses = [answer.status_code for answer in (stale, by_nobody, by_client)]
    assert statuses == [412, 401, 403]
    async with kitchen.workshop.container.database.reading() as session:
        kept = await session.scalar(
            text("SELECT count(*) FROM idempotency_keys WHERE key = :key"), {"key": key}
        )
    assert kept == 0
    assert (await request.send(http, key)).status_code == 200
    illegal = await request.send(http, new_key())
    assert illegal.status_code == 409
