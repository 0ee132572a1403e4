"""Local deployments under test: making them, and seeing what runs on this machine."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import httpx2

from axon_factory.adapters.deployer.local import LocalDeployer
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.ports.product import Deployment, DeploymentRequest
from tests.support.product_runtime import product_python

__all__ = [
    "SECRETS",
    "RequestMaker",
    "deploy",
    "eventually",
    "fetch",
    "free_ports",
    "healthy",
    "is_there",
    "listens",
    "make_deployer",
    "port_of",
    "port_of_url",
    "processes_with",
    "product_process",
    "sandbox_of",
    "supervisors",
]

RequestMaker = Callable[..., DeploymentRequest]
"""Commits a product and makes its request: `slug`, `changes` of files, `light`."""

SECRETS = {
    "ADMIN_EMAIL": "ana@example.com",
    "ADMIN_PASSWORD": "contrasena-muy-secreta",
    "API_KEY": "axk_test_secret",
    "WEBHOOK_SECRET": "twilio-secret-token",
}


def free_ports(number: int = 4) -> range:
    """A range whose ports are free now."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        if first + number < 65536:
            return range(first, first + number)


@cache
def sandbox_of(*, bubblewrap: bool) -> Sandbox:
    """One of each kind for the whole run: what the machine allows is found out once."""
    return Sandbox(product_python(), bubblewrap=bubblewrap)


def make_deployer(
    root: Path, *, bubblewrap: bool = True, ports: range | None = None
) -> LocalDeployer:
    return LocalDeployer(
        root, sandbox_of(bubblewrap=bubblewrap), ports=ports or free_ports(), health_seconds=40
    )


async def deploy(deployer: LocalDeployer, request: DeploymentRequest) -> Deployment:
    return await deployer.deploy(request, idempotency_key=f"{request.slug}-1")


def processes_with(word: str) -> list[int]:
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if word.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def supervisors(root: Path) -> list[int]:
    return processes_with(str(root / "supervisor" / "supervisord.conf"))


def is_there(path: Path) -> bool:
    return path.exists()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def product_process(port: int) -> int:
    """The process that holds the listening port, as this machine numbers it."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inode = next(
        line.split()[9]
        for line in lines
        if line.split()[1] == f"0100007F:{port:04X}" and line.split()[3] == "0A"
    )
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) == f"socket:[{inode}]":
                return int(descriptor.parts[2])
    raise AssertionError(port)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def healthy(url: str) -> bool:
    async with httpx2.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"{url}/health")).status_code == 200
        except httpx2.HTTPError:
            return False


async def fetch(method: str, url: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.request(method, url)


def port_of(deployment: Deployment) -> int:
    return port_of_url(deployment.url)


def port_of_url(url: str) -> int:
    return int(url.rpartition(":")[2])
