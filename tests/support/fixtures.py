"""Fixtures over the support modules.

`workshop` is one running factory for the whole run: its tests share a database and look only at
orders of their own. `fresh_workshop` has a database of its own.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.support.workshop import Workshop, open_workshop

__all__ = ["fresh_workshop", "module_database_url", "workshop"]


@pytest.fixture(scope="session")
async def workshop(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    url = await _copy(postgres_url, template_database)
    async with open_workshop(url, tmp_path_factory.mktemp("factory")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def module_database_url(postgres_url: str, template_database: str) -> str:
    """URL of a fresh, migrated database of this module's own."""
    return await _copy(postgres_url, template_database)


@pytest.fixture
async def fresh_workshop(database_url: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(database_url, tmp_path) as opened:
        yield opened


async def _copy(postgres_url: str, template_database: str) -> str:
    name = f"shared_{uuid4().hex}"
    await _execute(
        postgres_url,
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template_database)
        ),
    )
    head, _, _ = postgres_url.rpartition("/")
    return f"{head}/{name}"


async def _execute(url: str, statement: sql.Composed) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement)
