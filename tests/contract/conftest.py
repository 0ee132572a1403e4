"""A factory of the contract's own: what others deliver would be its measured history."""

from collections.abc import AsyncIterator

import pytest

from tests.support.workshop import Workshop, open_workshop


@pytest.fixture(scope="module")
async def workshop(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    async with open_workshop(module_database_url, tmp_path_factory.mktemp("contract")) as opened:
        yield opened
