"""The local deployer refuses, gives up or is cancelled: it says why and leaves nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axon_factory.adapters.deployer.local import LocalDeployer
from axon_factory.domain.failure import FailureCause, Trouble
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import DeploymentRequest
from tests.support import products
from tests.support.deployments import (
    SECRETS,
    RequestMaker,
    deploy,
    eventually,
    free_ports,
    listens,
    make_deployer,
    processes_with,
    sandbox_of,
)

pytestmark = pytest.mark.proven("deployer")


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalDeployer]:
    """A deployer for tests that leave nothing in it."""
    made = make_deployer(tmp_path_factory.mktemp("shared") / "root")
    yield made
    await made.stop_all()


@pytest.mark.parametrize(
    "changes",
    [
        {"app/__main__.py": "import os\n\nraise SystemExit(os.environ['ADMIN_PASSWORD'])\n"},
        {"app/__main__.py": products.LIGHT_MAIN.replace("200, HEALTH", "500, HEALTH")},
        pytest.param(
            {"app/__main__.py": "import time\n\nprint('dormido')\ntime.sleep(600)\n"},
            marks=pytest.mark.nightly,  # it has to come to its word within the deadline
        ),
        {"axon-product.json": "{}"},
    ],
    ids=["ends", "status-500", "never-answers", "no-manifest"],
)
async def test_an_unhealthy_product_is_stopped_and_says_why(
    tmp_path: Path, request_for: RequestMaker, changes: dict[str, str]
) -> None:
    ports = free_ports()
    seconds = 1.5 if "500, HEALTH" in str(changes) else 10  # the others come to an end or a word
    deployer = LocalDeployer(
        tmp_path / "root", sandbox_of(bubblewrap=True), ports=ports, health_seconds=seconds
    )
    try:
        with pytest.raises(PortError) as failed:
            await deploy(deployer, request_for(changes=changes))
        assert failed.value.cause is FailureCause.DEPLOY_FALLIDO
        assert not any(secret in str(failed.value) for secret in SECRETS.values())
        if "500, HEALTH" not in str(changes) and "app/__main__.py" in changes:
            assert ("•••" in str(failed.value)) or ("dormido" in str(failed.value))
        assert await deployer.status() == []
        assert not any(listens(port) for port in ports)
        assert processes_with(str(tmp_path / "root" / "tienda-ana")) == []
    finally:
        await deployer.stop_all()


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ('"/guia":\n        return 200', '"/guia":\n        return 404', "GET /guia"),
        ('"/guia":\n        return 200', '"/guia":\n        return 500', "respondió 500"),
        ("return UNSIGNED", "return 404", "POST /webhooks/whatsapp"),
        ("        return (200 if expected", "        return (200 if not expected", ""),
    ],
    ids=["no-guide", "broken-guide", "no-webhook", "refusing-is-an-answer"],
)
async def test_a_product_answers_at_every_address_that_its_client_is_given(
    shared: LocalDeployer, request_for: RequestMaker, good: str, bad: str, said: str
) -> None:
    assert good in products.LIGHT_MAIN
    request = request_for(changes={"app/__main__.py": products.LIGHT_MAIN.replace(good, bad)})
    if not said:
        deployment = await deploy(shared, request)
        assert {answered.status for answered in deployment.requests} == {200, 403}
        await shared.undeploy(request.slug, idempotency_key="u")
        return
    with pytest.raises(PortError, match=said):
        await deploy(shared, request)
    assert await shared.status() == []


async def test_a_cancelled_deployment_leaves_nothing_running(
    tmp_path: Path, request_for: RequestMaker
) -> None:
    deployer = make_deployer(tmp_path / "root")
    changes = {"app/__main__.py": "import time\n\ntime.sleep(600)\n"}
    running = asyncio.create_task(deploy(deployer, request_for(changes=changes)))

    async def started() -> bool:
        return [entry.state for entry in await deployer.status()] == ["unhealthy"]

    try:
        await eventually(started)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await deployer.status() == []
        assert processes_with(str(tmp_path / "root" / "tienda-ana")) == []
    finally:
        await deployer.stop_all()


@pytest.mark.parametrize("slug", ["", "../x", "Ana", "a/b", "-a", "supervisor", "x" * 64])
async def test_bad_names_are_refused(shared: LocalDeployer, tmp_path: Path, slug: str) -> None:
    request = DeploymentRequest("order", slug, 1, tmp_path, "0" * 40, {})
    with pytest.raises(PortError):
        await deploy(shared, request)
    with pytest.raises(PortError):
        await shared.undeploy(slug, idempotency_key="u")


async def test_a_sandbox_without_git_is_not_the_products_failure(
    tmp_path: Path, request_for: RequestMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployer = LocalDeployer(tmp_path / "root", sandbox_of(bubblewrap=True), ports=free_ports())
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setattr("axon_factory.adapters.sandbox.sandbox.SEARCH_PATH", str(programs))
    try:
        with pytest.raises(PortError) as failed:
            await deploy(deployer, request_for())
        assert failed.value.trouble is not None
        assert failed.value.trouble.kind is Trouble.FALTA_PROGRAMA
    finally:
        await deployer.stop_all()


async def test_a_missing_commit_is_refused(
    shared: LocalDeployer, request_for: RequestMaker
) -> None:
    request = request_for()
    for commit in ("f" * 40, "--output=/tmp/x", "HEAD"):
        wrong = DeploymentRequest("order", request.slug, 1, request.product_dir, commit, {})
        with pytest.raises(PortError) as failed:
            await deploy(shared, wrong)
        assert failed.value.cause is FailureCause.DEPLOY_FALLIDO
        assert failed.value.trouble is None
