"""The program on a database of the test's own, and a factory in this process on the same."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from axon_factory.bootstrap import Container
from axon_factory.db.tables import Order
from axon_factory.orders.create import create_order
from axon_factory.orders.requests import NewOrder, validated
from tests.cli.program import Program, served, surroundings
from tests.support.prefork import Prefork, prefork
from tests.support.product_runtime import product_python
from tests.support.workshop import ADMIN, example_order, make_container


@pytest.fixture(scope="session")
def forks() -> Iterator[Prefork]:
    """The process that all programs of this run are forks of."""
    with prefork(surroundings()) as started:
        yield started


@pytest.fixture
def bare(tmp_path: Path, forks: Prefork) -> Program:
    """The program where nothing runs."""
    return Program(
        {
            "AXON_DATA_DIR": str(tmp_path / "data"),
            "AXON_PRODUCT_RUNTIME": str(tmp_path / "runtime"),
            "AXON_SECRET_KEY": "k" * 32,
        },
        forks,
    )


@pytest.fixture
async def axon(bare: Program, container: Container, database_url: str) -> AsyncIterator[Program]:
    """The program on the data folder of a factory that this process serves."""
    async with served(container):
        yield bare.having(AXON_DATABASE_URL=database_url)


@pytest.fixture
async def container(database_url: str, tmp_path: Path) -> AsyncIterator[Container]:
    """The same factory in this process: it has the program's secret key."""
    opened = make_container(database_url, tmp_path / "data")
    yield opened
    await opened.close()


@pytest.fixture
async def placed(container: Container) -> Order:
    """An order that is `nuevo`, the first of its year."""
    request = validated(NewOrder, example_order())
    async with container.database.transaction("test") as session:
        return await create_order(session, request, ADMIN, container.policy, datetime.now(UTC))


@pytest.fixture(scope="session")
def product_runtime() -> Path:
    """The folder of the installed products' environment: its Python is <root>/<lock>/bin/python."""
    return product_python().parents[2]
