"""Fixtures over the support modules.

`workshop` is one running factory for the whole run: its tests share a database and look only at
orders of their own. `fresh_workshop` has a database of its own.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.databases import copied_database
from tests.support.workshop import Workshop, open_workshop

__all__ = ["fresh_workshop", "module_database_url", "workshop"]


@pytest.fixture(scope="session")
async def workshop(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    folder = tmp_path_factory.mktemp("factory")
    async with (
        copied_database(postgres_url, template_database) as url,
        open_workshop(url, folder) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
async def module_database_url(postgres_url: str, template_database: str) -> AsyncIterator[str]:
    """URL of a fresh, migrated database of this module's own."""
    async with copied_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture
async def fresh_workshop(database_url: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(database_url, tmp_path) as opened:
        yield opened
