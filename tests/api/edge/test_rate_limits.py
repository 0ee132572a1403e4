"""Limits count across processes, tell the caller, and give way as each kind of act deserves."""

import asyncio
import re
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest

from axon_factory.api.middleware import EdgeOptions
from axon_factory.api.rate_limits import Charge, Kind, Quotas, RateLimits
from axon_factory.bootstrap import Container
from axon_factory.bootstrap.application import application_of
from axon_factory.db.sessions import Database
from axon_factory.domain.errors import Unavailable
from axon_factory.domain.permissions import KeyScope
from axon_factory.settings import load_settings
from tests.api.edge.conftest import Edge
from tests.support.server import running
from tests.support.workshop import Workshop, example_order

REMAINING = re.compile(r'"(\w+)";r=(\d+);t=(\d+)')


@pytest.fixture
def database(workshop: Workshop) -> Database:
    """The shared one: each test has subjects of its own."""
    return workshop.container.database


@pytest.fixture
def caller() -> str:
    return f"user:{uuid4()}"


async def spend(limits: RateLimits, caller: str, kind: Kind = Kind.READS) -> Charge:
    charge = await limits.spend(kind, caller)
    assert charge is not None
    return charge


@pytest.mark.parametrize("quota", [1, 7, 60, 400])
async def test_one_window_lets_exactly_its_quota_pass(
    database: Database, caller: str, quota: int
) -> None:
    limits = RateLimits(database, Quotas(reads=quota))
    charges = [await spend(limits, caller) for _ in range(quota + 5)]
    assert [charge.refused for charge in charges] == [False] * quota + [True] * 5
    assert [charge.remaining for charge in charges[:quota]] == list(range(quota - 1, -1, -1))
    assert all(0 < charge.seconds <= 60 for charge in charges)


async def test_processes_share_a_window(database: Database, caller: str) -> None:
    """Three processes ask at once, far more than the quota: not one request too many passes."""
    others = [Database(database.url, pool_size=2) for _ in range(2)]
    quota = 100
    processes = [RateLimits(each, Quotas(reads=quota)) for each in (database, *others)]
    try:
        charges = await asyncio.gather(
            *(spend(process, caller) for process in processes for _ in range(quota))
        )
    finally:
        for other in others:
            await other.dispose()
    assert sum(not charge.refused for charge in charges) == quota


async def test_callers_and_policies_do_not_share(database: Database, caller: str) -> None:
    limits = RateLimits(database, Quotas(reads=1, writes=1, costly=1, anonymous=1))
    for kind in Kind:
        for subject in (caller, f"{caller}:2"):
            assert not (await spend(limits, subject, kind)).refused
            assert (await spend(limits, subject, kind)).refused


async def test_a_new_window_opens(database: Database, caller: str) -> None:
    assert not (await spend(RateLimits(database, Quotas(reads=1)), caller)).refused
    assert (await spend(RateLimits(database, Quotas(reads=1)), caller)).refused
    await _row(database, "UPDATE rate_limits SET window_ends = now() WHERE bucket = %s", caller)
    assert not (await spend(RateLimits(database, Quotas(reads=1)), caller)).refused


async def test_a_lease_writes_once_for_many_requests(database: Database, caller: str) -> None:
    limits = RateLimits(database, Quotas(reads=600))
    await asyncio.gather(*(spend(limits, caller) for _ in range(20)))
    lease = "SELECT used, granted FROM rate_limits WHERE bucket = %s"
    assert await _row(database, lease, caller) == (20, 20)


async def test_zero_is_no_limit(database: Database, caller: str) -> None:
    limits = RateLimits(database, Quotas(0, 0, 0, 0))
    assert [await limits.spend(kind, caller) for kind in Kind] == [None] * 4


async def test_slow_database_lets_reads_pass_and_costly_acts_not(
    database: Database, caller: str
) -> None:
    limits = RateLimits(database, Quotas(), patience_seconds=0.2)
    async with await psycopg.AsyncConnection.connect(database.url) as lock:
        await lock.execute("LOCK TABLE rate_limits IN ACCESS EXCLUSIVE MODE")
        for kind in (Kind.READS, Kind.WRITES, Kind.ANONYMOUS):
            assert await limits.spend(kind, caller) is None
        with pytest.raises(Unavailable):
            await limits.spend(Kind.COSTLY, caller)
    assert not (await spend(limits, caller, Kind.COSTLY)).refused


async def test_address_without_a_credential(edge: Edge) -> None:
    options = EdgeOptions(quotas=Quotas(anonymous=2), trusted_proxies=("127.0.0.1",))
    async with edge(options) as http:

        async def ask(address: str) -> int:
            answer = await http.get("/api/echo", headers={"X-Forwarded-For": address})
            assert answer.headers["RateLimit-Policy"] == '"anonimas";q=2;w=60'
            return answer.status_code

        # One site of IPv6 has 2^64 addresses; it is one caller all the same.
        assert [await ask("9.9.9.9") for _ in range(3)] == [200, 200, 429]
        assert [await ask("9.9.9.8")] == [200]
        site = [await ask(f"2001:db8:0:1::{n}") for n in range(3)]
        assert site == [200, 200, 429]
        assert await ask("2001:db8:0:2::1") == 200


async def test_the_whole_factory_charges_each_request_once(
    database: Database, tmp_path: Path
) -> None:
    settings = load_settings(
        data_dir=tmp_path,
        secret_key="k" * 32,
        rate_limit_reads=5,
        rate_limit_writes=3,
        rate_limit_costly=1,
        rate_limit_anonymous=4,
    )
    container = Container(settings, database.url)
    async with container.database.transaction("test") as session:
        keys = [
            await container.api_keys.create(
                session, name=name, scope=KeyScope.ADMIN, created_by="t"
            )
            for name in (f"uno-{uuid4()}", f"dos-{uuid4()}")
        ]
    one, two = ({"X-API-Key": key.plaintext} for key in keys)
    bad = {"Authorization": "Bearer nadie"}
    try:
        async with running(application_of(container)) as http:
            reads = [await http.get("/api/orders", headers=one) for _ in range(7)]
            assert [answer.status_code for answer in reads] == [200] * 5 + [429] * 2
            told = [REMAINING.fullmatch(answer.headers["RateLimit"]) for answer in reads]
            assert [match and match[1] for match in told] == ["lecturas"] * 7
            assert [match and int(match[2]) for match in told] == [4, 3, 2, 1, 0, 0, 0]
            refused = reads[-1]
            assert refused.json()["codigo"] == "demasiadas_solicitudes"
            assert 0 < int(refused.headers["Retry-After"]) <= 60
            assert refused.headers["RateLimit-Policy"] == '"lecturas";q=5;w=60'

            assert (await http.get("/api/orders", headers=two)).status_code == 200
            writes = [
                await http.post("/api/orders", json=example_order(), headers=one) for _ in range(4)
            ]
            assert [answer.status_code for answer in writes] == [201] * 3 + [429]
            # Others that fail at its address cost a principal nothing, and probes are free.
            public = [await http.get("/api/products/types", headers=bad) for _ in range(2)]
            failed = [await http.get("/api/orders", headers=bad) for _ in range(1)]
            none = [await http.get("/api/orders") for _ in range(2)]
            assert [answer.status_code for answer in public + failed + none] == [
                200,
                200,
                401,
                401,
                429,
            ]
            assert (await http.get("/api/orders", headers=bad)).status_code == 429
            assert (await http.get("/api/orders", headers=two)).status_code == 200
            assert (await http.get("/health")).status_code == 200
    finally:
        await container.close()


async def _row(database: Database, statement: LiteralString, caller: str) -> object:
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as connection:
        cursor = await connection.execute(statement, [f"{Kind.READS}|{caller}"])
        return await cursor.fetchone() if cursor.description else None
