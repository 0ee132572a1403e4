"""The local deployer with real products: what a deployment is, again and newer."""

import asyncio
import json
import socket
import stat
from pathlib import Path

import pytest

from axon_factory.adapters.deployer.local import LocalDeployer
from axon_factory.ports.product import AnsweredRequest, Deployment, DeploymentRequest
from tests.support import products
from tests.support.deployments import (
    SECRETS,
    RequestMaker,
    deploy,
    fetch,
    free_ports,
    healthy,
    is_there,
    listens,
    make_deployer,
    port_of,
    processes_with,
    product_process,
    sandbox_of,
    supervisors,
)


async def test_a_product_is_deployed_with_its_secrets_and_no_more(
    deployer: LocalDeployer,
    request_for: RequestMaker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AXON_DATABASE_URL", "postgresql://factory")
    request = request_for(light=False)
    deployment = await deploy(deployer, request)
    url = deployment.url
    assert deployment == Deployment(
        url=url,
        admin_url=f"{url}/admin",
        api_url=f"{url}/api",
        docs_url=f"{url}/guia",
        webhooks={"whatsapp": f"{url}/webhooks/whatsapp"},
        configuration={
            "status": "ok",
            "db_migrated": True,
            "seeds_loaded": True,
            "integrations_configured": ["whatsapp"],
            "integrations_pending": [],
        },
        requests=(
            AnsweredRequest("salud", "GET", "/health", 200),
            AnsweredRequest("administracion", "GET", "/admin", 403),
            AnsweredRequest("documentacion", "GET", "/guia", 200),
            AnsweredRequest("webhook whatsapp", "POST", "/webhooks/whatsapp", 403),
        ),
    )
    who = (await fetch("GET", f"{url}/who")).json()
    assert who["public_url"] == url
    assert set(SECRETS) <= set(who["names"])
    assert "AXON_DATABASE_URL" not in who["names"]
    assert (await fetch("GET", f"{url}/admin?password={SECRETS['ADMIN_PASSWORD']}")).is_success
    capability = await sandbox_of(bubblewrap=True).capability()
    if capability.bubblewrap or capability.drops_user:
        assert who["uid"] != 0
    # Secrets are in one private file, and on no command line.
    keepers = {
        path
        for path in (tmp_path / "root").rglob("*")
        if path.is_file()
        and any(secret.encode() in path.read_bytes() for secret in SECRETS.values())
    }
    assert {path.name for path in keepers} == {"launch.json"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keepers)
    assert processes_with(SECRETS["ADMIN_PASSWORD"]) == []


async def test_the_deployment_is_the_commit_and_not_the_working_copy(
    deployer: LocalDeployer, request_for: RequestMaker
) -> None:
    request = request_for()
    (request.product_dir / "app" / "__main__.py").write_text("raise SystemExit")
    assert await healthy((await deploy(deployer, request)).url)


async def test_the_same_deployment_again_changes_nothing(
    deployer: LocalDeployer, request_for: RequestMaker
) -> None:
    request = request_for()
    first = await deploy(deployer, request)
    process = product_process(port_of(first))
    again = await asyncio.gather(*(deploy(deployer, request) for _ in range(3)))
    assert again == [first] * 3
    assert product_process(port_of(first)) == process


@pytest.mark.proven("deployer")
async def test_two_calls_at_once_from_two_factories_make_one_deployment(
    tmp_path: Path, request_for: RequestMaker
) -> None:
    ports = free_ports()
    factories = [make_deployer(tmp_path / "root", ports=ports) for _ in range(2)]
    request = request_for()
    try:
        one, two = await asyncio.gather(*(deploy(factory, request) for factory in factories))
        assert one == two
        assert len(supervisors(tmp_path / "root")) == 1
        assert [port for port in ports if listens(port)] == [port_of(one)]
    finally:
        await factories[0].stop_all()


@pytest.mark.proven("deployer")
async def test_a_new_commit_replaces_and_keeps_port_and_data(
    deployer: LocalDeployer, request_for: RequestMaker, tmp_path: Path
) -> None:
    request = request_for()
    first = await deploy(deployer, request)
    assert (await fetch("POST", f"{first.url}/visits")).json() == {"visits": 1}
    changed = products.LIGHT_MAIN.replace(
        '"integrations_pending": []', '"integrations_pending": ["x"]'
    )
    commit = products.write_files(request.product_dir, {"app/__main__.py": changed})
    newer = DeploymentRequest(
        "order", request.slug, 2, request.product_dir, commit, {**SECRETS, "ADMIN_PASSWORD": "new"}
    )
    second = await deploy(deployer, newer)
    assert second.url == first.url
    assert second.configuration["integrations_pending"] == ["x"]
    assert (await fetch("POST", f"{first.url}/visits")).json() == {"visits": 2}
    assert (await fetch("GET", f"{first.url}/admin?password=new")).status_code == 200
    releases = tmp_path / "root" / request.slug / "releases"
    assert [path.name for path in releases.iterdir()] == [commit]


async def test_products_have_ports_of_their_own_and_skip_busy_ones(
    tmp_path: Path, request_for: RequestMaker
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]
        deployer = make_deployer(tmp_path / "root", ports=range(busy, min(busy + 8, 65536)))
        requests = [request_for(slug) for slug in ("uno", "dos")]
        try:
            found = await asyncio.gather(*(deploy(deployer, request) for request in requests))
        finally:
            await deployer.stop_all()
    ports = {port_of(deployment) for deployment in found}
    assert len(ports) == 2
    assert busy not in ports


@pytest.mark.proven("deployer")
async def test_a_long_root_and_a_public_url(tmp_path: Path, request_for: RequestMaker) -> None:
    root = tmp_path / ("largo-" * 20) / "con espacios 100%"
    deployer = LocalDeployer(
        root,
        sandbox_of(bubblewrap=True),
        ports=free_ports(),
        public_url_template="https://{slug}.example.com/",
    )
    request = request_for()
    try:
        deployment = await deploy(deployer, request)
        assert deployment.admin_url == "https://tienda-ana.example.com/admin"
        port = json.loads((root / request.slug / "deployment.json").read_text())["port"]
        who = (await fetch("GET", f"http://127.0.0.1:{port}/who")).json()
        assert who["public_url"] == "https://tienda-ana.example.com"
        outside = Path(json.loads((root / "supervisor" / "runtime.json").read_text())["folder"])
        assert is_there(outside)
    finally:
        await deployer.stop_all()
    assert supervisors(root) == []
    assert not is_there(outside)


async def test_undeploy_removes_all_but_the_data(
    deployer: LocalDeployer, request_for: RequestMaker, tmp_path: Path
) -> None:
    request = request_for()
    deployment = await deploy(deployer, request)
    await deployer.undeploy(request.slug, idempotency_key="u")
    assert not listens(port_of(deployment))
    assert await deployer.status() == []
    assert not (tmp_path / "root" / request.slug).exists()
    (kept,) = (tmp_path / "root" / ".retired").iterdir()
    assert kept.name.startswith("tienda-ana-")
    assert (kept / "product.db").exists()
    await deployer.undeploy(request.slug, idempotency_key="u")
    await deployer.undeploy("never-was", idempotency_key="u")
