"""A factory that generated requests may do anything to."""

from collections.abc import AsyncIterator

import pytest

from axon_factory.domain.states import OrderState
from tests.proofs.copies import Copies
from tests.support.databases import copied_database
from tests.support.workshop import Workshop, open_workshop

LOGINS = {"login_limit_address": 100_000, "login_limit_global": 1_000_000}
"""The logins that are made up fail; they must not keep the callers from signing in."""


@pytest.fixture(scope="package")
async def fuzzed(
    postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    folder = tmp_path_factory.mktemp("fuzz")
    async with (
        copied_database(postgres_url, template_database) as url,
        open_workshop(url, folder, **LOGINS) as workshop,
    ):
        yield workshop


@pytest.fixture(scope="package")
async def orders(fuzzed: Workshop) -> list[str]:
    """Six orders in each state, for the requests to find."""
    copies = await Copies.of(fuzzed)
    return [str(each) for state in OrderState for each in await copies.many(state, 6)]
