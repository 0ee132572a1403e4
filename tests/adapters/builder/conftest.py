"""The example order's product, built once: tests leave it as it is."""

import pytest

from tests.support.builds import Built, build, make_request


@pytest.fixture(scope="session")
async def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    request = make_request(tmp_path_factory.mktemp("products") / "bot")
    return request, await build(request)
