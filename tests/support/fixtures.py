"""Fixtures over the support modules.

`workshop` is one running factory for the whole run: its tests share a database and look only at
orders of their own. `fresh_workshop` has a database of its own.

`wiped_database` is one database for the whole run too, and each test finds it as new;
`wiped_workshop` is a factory on it.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.databases import WipedDatabase, copied_database
from tests.support.workshop import Workshop, open_workshop

__all__ = [
    "fresh_workshop",
    "module_database_url",
    "module_workshop",
    "shared_database",
    "wiped_database",
    "wiped_workshop",
    "workshop",
    "workshop_on_shared",
]


@pytest.fixture(scope="session")
async def workshop(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    folder = tmp_path_factory.mktemp("factory")
    async with (
        copied_database(postgres_url, template_database) as url,
        open_workshop(url, folder) as opened,
    ):
        renewing = asyncio.create_task(_renew(opened))
        yield opened
        renewing.cancel()
        await asyncio.wait({renewing})


async def _renew(workshop: Workshop) -> None:
    """Log in again before the tokens expire: a busy machine makes a run long."""
    while True:
        await asyncio.sleep(600)
        await workshop.log_in()


@pytest.fixture(scope="module")
async def module_database_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """URL of a fresh, migrated database of this module's own."""
    async with copied_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture(scope="module")
async def module_workshop(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    """A factory of this module's own, for what all orders together decide: paces, lists' ends."""
    folder = tmp_path_factory.mktemp("own_factory")
    async with open_workshop(module_database_url, folder) as opened:
        yield opened


@pytest.fixture(scope="session")
async def shared_database(
    postgres_url: str, template_database: str
) -> AsyncIterator[WipedDatabase]:
    """The database of `wiped_database`; tests ask for that one."""
    async with copied_database(postgres_url, template_database) as url:
        shared = WipedDatabase(url)
        await shared.prepare()
        yield shared
        await shared.close()


@pytest.fixture
async def wiped_database(shared_database: WipedDatabase) -> WipedDatabase:
    """The shared database as new: what earlier tests have written and left open is gone."""
    await shared_database.wipe()
    return shared_database


@pytest.fixture(scope="session")
async def workshop_on_shared(
    shared_database: WipedDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    """The factory of `wiped_workshop`; tests ask for that one."""
    folder = tmp_path_factory.mktemp("wiped")
    await shared_database.wipe()
    async with open_workshop(shared_database.pool_url, folder) as opened:
        await shared_database.keep("workshop")
        yield opened


@pytest.fixture
async def wiped_workshop(shared_database: WipedDatabase, workshop_on_shared: Workshop) -> Workshop:
    """A running factory whose database holds its principals alone."""
    await shared_database.wipe()
    await shared_database.restore("workshop")
    await workshop_on_shared.log_in()  # a long run outlives the tokens of its beginning
    return workshop_on_shared


@pytest.fixture
async def fresh_workshop(database_url: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(database_url, tmp_path) as opened:
        yield opened
