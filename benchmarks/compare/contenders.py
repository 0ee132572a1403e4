"""Who is measured: each is one server process on the same PostgreSQL, asked the same requests."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

__all__ = ["ROOT", "Contender", "Served", "factory", "peers", "served"]

ROOT = Path(__file__).parents[2]
_PEERS = Path(__file__).parent / "peers"
_PATIENCE_SECONDS = 90.0
_LIMITS = {
    f"AXON_RATE_LIMIT_{kind}": "1000000" for kind in ("READS", "WRITES", "COSTLY", "ANONYMOUS")
}


@dataclass(frozen=True, slots=True)
class Contender:
    """How a server is started; `{port}` in its command is the port that it gets."""

    name: str
    command: Sequence[str]
    folder: Path
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    """Header fields of each request."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Served:
    """A contender that answers."""

    contender: Contender
    port: int
    pid: int


def factory(name: str, checkout: Path, url: str, data_dir: Path, key: str) -> Contender:
    """Return `axon serve` of a checkout, with limits that count and never refuse."""
    return Contender(
        name,
        [str(checkout / ".venv/bin/axon"), "serve", "--port", "{port}"],
        checkout,
        {"X-API-Key": key},
        {"AXON_DATABASE_URL": url, "AXON_DATA_DIR": str(data_dir), **_LIMITS},
    )


def peers(url: str) -> list[Contender]:
    """Return the peers, none of which authenticates, limits or audits."""
    python = str(ROOT / ".venv-compare/bin/python")
    return [
        Contender("fastify", ["node", "server.js", "{port}", url], _PEERS / "fastify"),
        Contender("litestar", [python, "server.py", "{port}", url], _PEERS / "litestar"),
        Contender("design", [python, "server.py", "{port}", url], _PEERS / "design"),
    ]


@asynccontextmanager
async def served(contender: Contender) -> AsyncGenerator[Served]:
    """Start a contender and yield it once it accepts connections.

    Raises:
        RuntimeError: it ended, or does not accept any in time.
    """
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        *(part.format(port=port) for part in contender.command),
        cwd=contender.folder,
        env=os.environ | dict(contender.environment),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await _wait_until_open(contender, process, port)
        yield Served(contender, port, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _wait_until_open(
    contender: Contender, process: asyncio.subprocess.Process, port: int
) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS), httpx2.AsyncClient() as client:
        while process.returncode is None:
            try:
                await client.get(f"http://127.0.0.1:{port}/health")
            except httpx2.TransportError:
                await asyncio.sleep(0.1)
            else:
                return
    raise RuntimeError(f"{contender.name} ended before it answered")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
