"""Other secrets for a running product: its data stay, one set works, and what is erased is gone."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from axon_factory.adapters.deployer.local import LocalDeployer
from axon_factory.ports.product import DeploymentRequest
from tests.support.deployments import (
    SECRETS,
    RequestMaker,
    deploy,
    fetch,
    listens,
    port_of,
    product_process,
)

NEW = SECRETS | {"ADMIN_PASSWORD": "otra-contrasena-larga", "API_KEY": "axk_nueva"}
MOST_DOWN_SECONDS = 15
"""A restart takes one or two; the machine may have much else to do."""


async def admits(url: str, password: str) -> bool:
    return (await fetch("GET", f"{url}/admin?password={password}")).status_code == 200


def rotated(request: DeploymentRequest) -> DeploymentRequest:
    return replace(request, secrets=NEW)


@pytest.mark.proven("deployer")
async def test_a_product_takes_new_secrets_with_its_data_and_a_short_restart(
    deployer: LocalDeployer,
    request_for: RequestMaker,
    record_property: Callable[[str, object], None],
) -> None:
    request = request_for()
    before = await deploy(deployer, request)
    assert (await fetch("POST", f"{before.url}/visits")).json() == {"visits": 1}
    down: list[float] = []

    async def watch() -> None:
        async with httpx2.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    await client.get(f"{before.url}/health", timeout=1)
                except httpx2.HTTPError:
                    down.append(time.monotonic())
                await asyncio.sleep(0.02)

    watcher = asyncio.create_task(watch())
    after = await deployer.replace_secrets(rotated(request), idempotency_key="r")
    watcher.cancel()
    await asyncio.wait([watcher])
    assert after.url == before.url
    assert not await admits(after.url, SECRETS["ADMIN_PASSWORD"])
    assert await admits(after.url, NEW["ADMIN_PASSWORD"])
    assert (await fetch("POST", f"{after.url}/visits")).json() == {"visits": 2}
    downtime = down[-1] - down[0] if down else 0.0
    record_property("downtime_seconds", round(downtime, 2))
    assert downtime < MOST_DOWN_SECONDS

    process = product_process(port_of(after))
    assert await deployer.replace_secrets(rotated(request), idempotency_key="r") == after
    assert product_process(port_of(after)) == process  # a repeated call restarts nothing


@pytest.mark.proven("deployer")
@pytest.mark.parametrize(
    "place",
    [
        pytest.param("stop_product", marks=pytest.mark.long),
        "start_product",
        pytest.param("state", marks=pytest.mark.long),
    ],
)
async def test_a_rotation_that_dies_on_its_way_is_finished_by_the_next(
    deployer: LocalDeployer,
    request_for: RequestMaker,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    request = request_for()
    before = await deploy(deployer, request)
    await fetch("POST", f"{before.url}/visits")
    daemon = vars(deployer)["_daemon"]  # where a worker may die is inside
    real = getattr(daemon, place)

    async def dies(*arguments: object) -> object:
        if place != "state":
            await real(*arguments)
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(daemon, place, dies)
        with pytest.raises(asyncio.CancelledError):
            await deployer.replace_secrets(rotated(request), idempotency_key="r")
    after = await deployer.replace_secrets(rotated(request), idempotency_key="r")
    assert not await admits(after.url, SECRETS["ADMIN_PASSWORD"])
    assert await admits(after.url, NEW["ADMIN_PASSWORD"])
    assert (await fetch("POST", f"{after.url}/visits")).json() == {"visits": 2}


@pytest.mark.proven("deployer")
async def test_what_is_erased_leaves_nothing(
    deployer: LocalDeployer, request_for: RequestMaker, tmp_path: Path
) -> None:
    first, other = request_for(), request_for("tienda-ana-2")
    await deploy(deployer, first)
    await deployer.undeploy(first.slug, idempotency_key="u")  # an attempt that failed later
    deployment = await deploy(deployer, first)
    kept = await deploy(deployer, other)
    for _ in range(2):
        await deployer.erase(first.slug, idempotency_key="e")
    assert not listens(port_of(deployment))
    root = tmp_path / "root"
    assert {path.name for path in root.rglob("tienda-ana*")} == {
        "tienda-ana-2",
        "tienda-ana-2.ini",
        "tienda-ana-2.lock",
    }
    assert [path for path in root.rglob("*.log*") if b"tienda-ana'" in path.read_bytes()] == []
    assert await admits(kept.url, SECRETS["ADMIN_PASSWORD"])
