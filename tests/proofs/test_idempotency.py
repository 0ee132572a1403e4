"""`Idempotency-Key` on every writing route of the route table (resolutions 17).

Twenty at once: a third of the routes a day in `make test`, all of them in `make matrix`.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx2
import psycopg
import pytest
from sqlalchemy import text

from axon_factory.bootstrap.application import application_of
from axon_factory.domain.permissions import PUBLIC_ROUTES, Role
from tests.proofs.contents import contents, growth
from tests.proofs.copies import Copies
from tests.proofs.recipes import RECIPES, Kitchen, Prepared
from tests.proofs.writes import Endpoint, other_endpoints, writing_endpoints
from tests.support.rotation import todays_part
from tests.support.workshop import Headers, Workshop

EVERY = pytest.mark.parametrize("endpoint", RECIPES, ids=str)
REPLAYED = "Idempotency-Replayed"
Waits = Callable[[asyncio.Task[httpx2.Response]], Awaitable[None]]
_KEPT = "SELECT encode(ciphertext, 'escape') FROM idempotency_keys WHERE key = :key"
_WAITING = """
    SELECT count(*) FROM pg_locks
    WHERE relation = 'idempotency_keys'::regclass AND NOT granted
    """


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
    # git asks by POST, and changes nothing.
    reading = {*PUBLIC_ROUTES, "/git/{slug}.git/git-upload-pack"}
    assert {endpoint.path for endpoint in other_endpoints(app)} <= reading


@EVERY
async def test_a_repetition_gets_the_first_answer(kitchen: Kitchen, endpoint: Endpoint) -> None:
    http, key = kitchen.workshop.http, new_key()
    request = await prepared(kitchen, endpoint)
    before = await contents(kitchen.workshop)
    first = await request.send(http, key)
    assert first.is_success, first.text
    assert REPLAYED not in first.headers
    after = await contents(kitchen.workshop)
    assert after != before
    for _ in range(2):
        again = await request.repeat(http, key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers[REPLAYED] == "true"
        for name in ("ETag", "Location", "Content-Type", "Cache-Control"):
            assert again.headers.get(name) == first.headers.get(name)
    assert await contents(kitchen.workshop) == after
    await require_sealed(kitchen.workshop, key, first.text)


async def require_sealed(workshop: Workshop, key: str, answer: str) -> None:
    """Require that the kept answer shows no word of the answer."""
    async with workshop.container.database.reading() as session:
        kept = await session.scalar(text(_KEPT), {"key": key})
    words = [word for word in answer.split('"') if len(word) >= 6]
    assert words
    assert [word for word in words if word in kept] == []


@EVERY
async def test_another_request_under_the_key_is_refused(
    kitchen: Kitchen, endpoint: Endpoint
) -> None:
    http, key = kitchen.workshop.http, new_key()
    request = await prepared(kitchen, endpoint)
    assert (await request.send(http, key)).is_success
    if request.otherwise is not None:
        other = await request.send(
            http, key, body=request.otherwise, headers=request.again or request.headers
        )
        assert (other.status_code, other.json()["codigo"]) == (
            422,
            "clave_de_idempotencia_reutilizada",
        )
    elsewhere = await prepared(kitchen, Endpoint("PATCH", "/api/orders/{id}"))
    before = await contents(kitchen.workshop)
    crossed = await elsewhere.send(http, key, headers=request.again or request.headers)
    assert crossed.status_code == 422, crossed.text
    assert await contents(kitchen.workshop) == before


@EVERY
async def test_another_caller_may_use_the_same_key(
    kitchen: Kitchen, endpoint: Endpoint, second_admin: Headers
) -> None:
    http, key = kitchen.workshop.http, new_key()
    mine = await prepared(kitchen, endpoint)
    theirs = await prepared(kitchen, endpoint, second_admin)
    assert (await mine.send(http, key)).is_success
    answer = await theirs.send(http, key)
    assert answer.is_success, answer.text
    assert REPLAYED not in answer.headers


@EVERY
async def test_a_request_in_flight_is_not_begun_again(kitchen: Kitchen, endpoint: Endpoint) -> None:
    http, key = kitchen.workshop.http, new_key()
    request = await prepared(kitchen, endpoint)
    async with kept_answers_locked(kitchen.workshop) as first_waits:
        first = asyncio.create_task(request.send(http, key))
        await first_waits(first)
        second = await request.send(http, key, headers=request.again or request.headers)
        assert (second.status_code, second.json()["codigo"]) == (409, "solicitud_en_curso")
    assert (await first).is_success
    third = await request.repeat(http, key)
    assert (third.content, third.headers[REPLAYED]) == ((await first).content, "true")


@asynccontextmanager
async def kept_answers_locked(workshop: Workshop) -> AsyncGenerator[Waits]:
    """Stop every keyed write before its work; yields a function that waits until one is there."""
    url = workshop.container.database.url
    async with (
        await psycopg.AsyncConnection.connect(url) as holder,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as watcher,
    ):
        await holder.execute("LOCK TABLE idempotency_keys IN ACCESS EXCLUSIVE MODE")

        async def first_waits(first: asyncio.Task[httpx2.Response]) -> None:
            while (await (await watcher.execute(_WAITING)).fetchone()) == (0,):
                assert not first.done(), first.result().text

        yield first_waits
        await holder.rollback()


@pytest.mark.parametrize("endpoint", todays_part(tuple(RECIPES)), ids=str)
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


async def test_a_malformed_key_is_refused_everywhere(kitchen: Kitchen) -> None:
    requests = [await prepared(kitchen, endpoint) for endpoint in RECIPES]
    before = await contents(kitchen.workshop)
    for request in requests:
        for key in ("con espacio", "x" * 256, "ñ".encode(), b"tab\tulado"):
            answer = await request.send(kitchen.workshop.http, key)
            assert answer.status_code == 400, (request, key, answer.text)
            assert "Idempotency-Key" in answer.json()["details"]
    assert await contents(kitchen.workshop) == before


@EVERY
async def test_without_its_answer_nothing_is_written(kitchen: Kitchen, endpoint: Endpoint) -> None:
    """The answer cannot be stored: then the write has not happened either."""
    http, key = kitchen.workshop.http, f"imposible-{uuid4().hex}"
    request = await prepared(kitchen, endpoint)
    database = kitchen.workshop.container.database
    async with database.transaction("test") as session:
        await session.execute(
            text(
                "ALTER TABLE idempotency_keys ADD CONSTRAINT impossible "
                "CHECK (key NOT LIKE 'imposible%') NOT VALID"
            )
        )
    try:
        before = await contents(kitchen.workshop)
        async with httpx2.AsyncClient(base_url=http.base_url) as unchecked:  # no API documents 500
            assert (await request.send(unchecked, key)).status_code == 500
        assert await contents(kitchen.workshop) == before
    finally:
        async with database.transaction("test") as session:
            await session.execute(text("ALTER TABLE idempotency_keys DROP CONSTRAINT impossible"))
    answer = await request.send(http, key)
    assert answer.is_success, answer.text
    assert REPLAYED not in answer.headers


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
