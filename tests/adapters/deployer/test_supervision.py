"""The local deployer with a real supervisord and real crashes."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from axon_factory.adapters.deployer.local import LocalDeployer
from tests.support.deployments import (
    RequestMaker,
    deploy,
    eventually,
    free_ports,
    healthy,
    listens,
    make_deployer,
    port_of,
    product_process,
    supervisors,
)
from tests.support.product_runtime import product_python

pytestmark = pytest.mark.proven("deployer")


async def test_a_killed_product_comes_back(
    deployer: LocalDeployer, request_for: RequestMaker
) -> None:
    deployment = await deploy(deployer, request_for())
    port = port_of(deployment)
    killed = product_process(port)
    os.kill(killed, signal.SIGKILL)

    async def is_back() -> bool:
        return await healthy(deployment.url) and product_process(port) != killed

    await eventually(is_back)


@pytest.mark.parametrize(
    "bubblewrap",
    [
        pytest.param(True, id="strongest"),
        pytest.param(False, id="subprocess", marks=pytest.mark.nightly),
    ],
)
async def test_a_killed_supervisord_leaves_no_orphan_and_start_all_brings_all_back(
    tmp_path: Path, request_for: RequestMaker, *, bubblewrap: bool
) -> None:
    deployer = make_deployer(tmp_path / "root", bubblewrap=bubblewrap)
    try:
        found = await asyncio.gather(
            *(deploy(deployer, request_for(slug)) for slug in ("uno", "dos"))
        )
        ports = [port_of(deployment) for deployment in found]
        (daemon,) = supervisors(tmp_path / "root")
        os.kill(daemon, signal.SIGKILL)

        async def all_gone() -> bool:
            return not any(listens(port) for port in ports)

        await eventually(all_gone)
        assert {entry.state for entry in await deployer.status()} == {"stopped"}
        statuses = await deployer.start_all()
        assert [(entry.slug, entry.state) for entry in statuses] == [
            ("dos", "running"),
            ("uno", "running"),
        ]
        assert {entry.url for entry in statuses} == {deployment.url for deployment in found}
        assert all([await healthy(deployment.url) for deployment in found])
    finally:
        await deployer.stop_all()


async def test_the_product_outlives_who_deployed_it(
    tmp_path: Path, request_for: RequestMaker
) -> None:
    request = request_for()
    ports = free_ports()
    script = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from axon_factory.adapters.deployer.local import LocalDeployer
        from axon_factory.adapters.sandbox import Sandbox
        from axon_factory.ports.product import DeploymentRequest
        deployer = LocalDeployer(
            Path({str(tmp_path / "root")!r}), Sandbox(Path({str(product_python())!r})),
            ports=range({ports.start}, {ports.stop}))
        request = DeploymentRequest(
            "order", {request.slug!r}, 1, Path({str(request.product_dir)!r}),
            {request.commit!r}, {{}})
        print(asyncio.run(deployer.deploy(request, idempotency_key="k")).url)
    """)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=subprocess.PIPE, start_new_session=True
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    deployer = make_deployer(tmp_path / "root", ports=ports)
    try:
        assert await healthy(output.decode().strip())
        assert [entry.state for entry in await deployer.status()] == ["running"]
    finally:
        await deployer.stop_all()


async def test_stop_all_ends_everything_in_order(
    deployer: LocalDeployer, request_for: RequestMaker, tmp_path: Path
) -> None:
    deployment = await deploy(deployer, request_for())
    await deployer.stop_all()
    assert not listens(port_of(deployment))
    assert supervisors(tmp_path / "root") == []
    assert (tmp_path / "root" / "tienda-ana" / "data" / "ended").exists()
    await deployer.stop_all()


async def test_a_stale_socket_and_pid_file_do_not_matter(
    deployer: LocalDeployer, request_for: RequestMaker, tmp_path: Path
) -> None:
    folder = tmp_path / "root" / "supervisor"
    folder.mkdir(parents=True)
    (folder / "supervisord.pid").write_text(f"{os.getpid()}\n")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(folder / "s.sock"))
    assert await healthy((await deploy(deployer, request_for())).url)


async def test_a_removed_socket_is_replaced(
    deployer: LocalDeployer, request_for: RequestMaker, tmp_path: Path
) -> None:
    request = request_for()
    await deploy(deployer, request)
    supervisor = tmp_path / "root" / "supervisor"
    remembered = supervisor / "runtime.json"  # there when the root is too long for a socket
    folder = json.loads(remembered.read_text())["folder"] if remembered.exists() else supervisor
    (Path(folder) / "s.sock").unlink()
    assert await healthy((await deploy(deployer, request)).url)
    assert len(supervisors(tmp_path / "root")) == 1
