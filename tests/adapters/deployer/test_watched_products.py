"""The products of a machine as the watch sees them, and what the watch does to them."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from axon_factory.adapters.deployer.health import LocalProductHost
from axon_factory.adapters.deployer.local import LocalDeployer
from axon_factory.domain.product_watch import ProductAction, ProductSighting, RunState
from tests.support.deployments import (
    RequestMaker,
    deploy,
    eventually,
    fetch,
    free_ports,
    healthy,
    listens,
    make_deployer,
    port_of,
    port_of_url,
    product_process,
    supervisors,
)

pytestmark = pytest.mark.proven("deployer")


SLUG = "tienda-ana"


@pytest.fixture
def host(tmp_path: Path) -> LocalProductHost:
    return LocalProductHost(tmp_path / "root", machine="esta")


async def seen(host: LocalProductHost, state: RunState) -> ProductSighting:
    """Look until the product is in `state`, past what its handling explains."""
    found: list[Mapping[str, ProductSighting]] = []

    async def is_there() -> bool:
        found.append(await host.look())
        return found[-1][SLUG].state is state and not found[-1][SLUG].handled

    await eventually(is_there)
    return found[-1][SLUG]


async def test_what_happens_to_a_product_is_seen_and_undone(
    deployer: LocalDeployer, host: LocalProductHost, request_for: RequestMaker, tmp_path: Path
) -> None:
    assert await host.look() == {}
    url = (await deploy(deployer, request_for())).url
    first = await seen(host, RunState.RUNNING)
    assert await host.healthy([SLUG]) == {SLUG: True}
    # What the factory does to it itself is no trouble.
    await host.act(SLUG, ProductAction.RESTART)
    assert (await host.look())[SLUG].handled
    second = await seen(host, RunState.RUNNING)
    assert second.run != first.run

    (daemon,) = supervisors(tmp_path / "root")
    os.kill(daemon, signal.SIGKILL)
    await seen(host, RunState.ORPHANED)
    await host.revive()

    async def answers() -> bool:
        return await healthy(url)

    await eventually(answers)
    await host.act(SLUG, ProductAction.STOP)
    await seen(host, RunState.STOPPED)
    assert not listens(port_of_url(url))
    await host.act(SLUG, ProductAction.START)
    await eventually(answers)

    # Stopped on purpose: there is nothing to bring back.
    await deployer.stop_all()
    assert await host.look() == {}


def environment_of(process: int) -> list[str]:
    return Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")


async def test_of_all_workers_of_a_machine_one_watches(
    host: LocalProductHost, tmp_path: Path
) -> None:
    same = LocalProductHost(tmp_path / "root", machine="esta")
    other = LocalProductHost(tmp_path / "otra", machine="otra")
    async with host.watching() as mine, same.watching() as too, other.watching() as elsewhere:
        assert (mine, too, elsewhere) == (True, False, True)
    async with same.watching() as mine:
        assert mine


async def test_a_port_that_is_taken_before_the_start_is_given_up(
    deployer: LocalDeployer, request_for: RequestMaker, tmp_path: Path
) -> None:
    record = tmp_path / "root" / SLUG / "deployment.json"
    stolen: list[asyncio.Server] = []

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()

    async def steal() -> None:
        while not record.exists():  # noqa: ASYNC110 — a file's coming gives no event
            await asyncio.sleep(0.001)
        port = json.loads(record.read_text())["port"]
        stolen.append(await asyncio.start_server(impostor, "127.0.0.1", port))

    thief = asyncio.create_task(steal())
    deployment = await deploy(deployer, request_for())
    await thief
    try:
        taken = stolen[0].sockets[0].getsockname()[1]
        assert port_of(deployment) != taken
        assert "db_migrated" in (await fetch("GET", f"{deployment.url}/health")).json()
    finally:
        stolen[0].close()


@pytest.mark.long
async def test_a_data_folder_that_was_moved_serves_its_products(
    tmp_path: Path, request_for: RequestMaker
) -> None:
    ports = free_ports()
    before = make_deployer(tmp_path / "root", ports=ports)
    url = (await deploy(before, request_for())).url
    kept = tmp_path / "root" / SLUG / "data" / "pedidos.txt"
    kept.write_text("de la clienta")
    await before.stop_all()
    moved = tmp_path / "otro disco" / "root"
    moved.parent.mkdir()
    # As from a backup: another place, and files that belong to root.
    shutil.copytree(tmp_path / "root", moved)
    shutil.rmtree(tmp_path / "root")
    after = make_deployer(moved, ports=ports)
    try:
        assert [(one.slug, one.state) for one in await after.start_all()] == [(SLUG, "running")]
        assert await healthy(url)
        assert (moved / SLUG / "data" / "pedidos.txt").read_text() == "de la clienta"
        environment = environment_of(product_process(port_of_url(url)))
        assert str(tmp_path / "root") not in "".join(environment)
        assert f"DATA_DIR={moved / SLUG / 'data'}" in environment
    finally:
        await after.stop_all()


@pytest.mark.long
async def test_a_copy_leaves_the_supervisord_of_its_original_alone(
    tmp_path: Path, request_for: RequestMaker
) -> None:
    # So long that the socket lies elsewhere, under a name that is remembered in the folder.
    root = tmp_path / ("x" * 100) / "root"
    original = make_deployer(root)
    try:
        url = (await deploy(original, request_for())).url
        copy = root.parent / "copia"
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns("s.sock"))
        sighting = (await LocalProductHost(copy, machine="copia").look())[SLUG]
        assert sighting.state is RunState.ORPHANED
        await make_deployer(copy).stop_all()
        assert await healthy(url)
    finally:
        await original.stop_all()
