"""A local deployer of the test's own, and requests for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axon_factory.adapters.deployer.local import LocalDeployer
from axon_factory.ports.product import DeploymentRequest
from tests.support import products
from tests.support.deployments import SECRETS, RequestMaker, make_deployer, supervisors


@pytest.fixture
async def deployer(tmp_path: Path) -> AsyncIterator[LocalDeployer]:
    made = make_deployer(tmp_path / "root")
    yield made
    await made.stop_all()
    assert supervisors(tmp_path / "root") == []


@pytest.fixture
def request_for(tmp_path: Path) -> RequestMaker:
    def make(
        slug: str = "tienda-ana", changes: dict[str, str] | None = None, *, light: bool = True
    ) -> DeploymentRequest:
        folder = tmp_path / "repositories" / slug
        commit = products.make_product(folder, changes, light=light)
        return DeploymentRequest("order", slug, 1, folder, commit, SECRETS)

    return make
