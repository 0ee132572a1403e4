"""Fixtures that every test may use: a real PostgreSQL, a fresh migrated database, no network."""

import asyncio
import gc
import logging
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.migrate import migrate
from axon_factory.db.sessions import Database
from tests.support.databases import GIVEN_SERVER, copied_database, empty_database, folder_in_memory
from tests.support.proven import deselect_unchanged

_LONGEST_FIRST = (
    "test_crash_matrix.py",
    "test_demo.py",
    "test_crashes.py",
    "test_real_crash.py",
    "acceptance",
    "cli",
    "adapters",
    "crash",
    "proofs",
    "line",
    "orders",
    "embedded",
)


def pytest_configure() -> None:
    """Give programs under test a Ctrl-C: a shell starts what runs in the background without one."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup() -> None:
    """Refuse every connection that leaves this machine."""
    from pytest_socket import socket_allow_hosts  # noqa: PLC0415 — a plugin's own function

    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is proven, and begin with the longest files.

    The last file must not run alone while a core is idle.
    """
    config.hook.pytest_deselected(items=deselect_unchanged(items))
    rank = {name: place for place, name in enumerate(_LONGEST_FIRST)}

    def place(item: pytest.Item) -> int:
        return min((rank[part] for part in item.path.parts if part in rank), default=len(rank))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Spare the collector what was imported and collected: it stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


@pytest.fixture(scope="session", autouse=True)
def quiet_logs() -> None:
    """Say only what went wrong, without pretty tracebacks: rendering them takes a second each."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )


@pytest.fixture(scope="session")
async def postgres_url() -> AsyncIterator[str]:
    """URL of a real PostgreSQL for this run: the embedded one, or AXON_TEST_DATABASE_URL."""
    given = os.environ.get(GIVEN_SERVER)
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(
        prefix="axon-test-", dir=folder_in_memory(), ignore_cleanup_errors=True
    ) as folder:
        server = EmbeddedPostgres(Path(folder))
        await server.start()
        try:
            yield server.dsn
        finally:
            await _end(server)


async def _end(server: EmbeddedPostgres) -> None:
    """Stop the server without the checkpoint of hundreds of databases that nobody reads again."""
    pid = server.pid
    stopping = asyncio.create_task(server.stop())
    await asyncio.wait({stopping}, timeout=0.3)
    if pid is not None and not stopping.done():
        os.kill(pid, signal.SIGQUIT)
    await stopping


@pytest.fixture(scope="session")
async def template_database(postgres_url: str) -> AsyncIterator[str]:
    """Name of a migrated database that tests copy."""
    async with empty_database(postgres_url) as url:
        await migrate(url)
        yield url.rpartition("/")[2]


@pytest.fixture
async def database_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """URL of a fresh, migrated database of this test's own."""
    async with copied_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on this test's own database."""
    database = Database(database_url)
    yield database
    await database.dispose()


pytest_plugins = ["tests.support.fixtures"]
