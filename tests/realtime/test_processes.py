"""Two processes at one port, one of them killed: who comes back misses nothing."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from axon_factory.bootstrap import Container
from tests.realtime.made import append_entries
from tests.realtime.sockets import opened, token_of
from tests.support.workshop import SECRET_KEY, Workshop

_TOTAL = 150
_READERS = 8


@contextlib.asynccontextmanager
async def _two_processes(container: Container, folder: Path) -> AsyncGenerator[tuple[str, int]]:
    """Serve the container's database by two processes; yield the address and the first's pid."""
    port = 18_300 + os.getpid() % 1000
    settings = {
        "AXON_DATABASE_URL": container.database.url,
        "AXON_DATA_DIR": str(folder),
        "AXON_SECRET_KEY": SECRET_KEY,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "axon_factory", "serve", "--json"),
        *("--processes", "2", "--port", str(port)),
        env=os.environ | settings,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = json.loads(await process.stdout.readline())
        yield line["escucha"], process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _forks(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in text.split()]


async def _follow(url: str, token: str, order_id: UUID, broken: list[int]) -> list[int]:
    """Return every `seq` that comes up to the last, over as many connections as it takes."""
    seen = [1]
    while seen[-1] < _TOTAL + 1:
        try:
            async with opened(url, token) as socket:
                await socket.subscribe(order_id, desde=seen[-1])
                while seen[-1] < _TOTAL + 1:
                    seen.append((await socket.next())["seq"])
        except (ConnectionClosed, InvalidHandshake, OSError):
            broken.append(seen[-1])
            await asyncio.sleep(0.05)
    return seen


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are read from /proc")
async def test_who_comes_back_to_another_process_misses_nothing(
    workshop: Workshop, tmp_path: Path
) -> None:
    order_id = await workshop.place()
    database, token = workshop.container.database, token_of(workshop.headers["key_lectura"])
    async with _two_processes(workshop.container, tmp_path) as (url, parent):
        async with asyncio.timeout(20):
            while len(_forks(parent)) < 2:  # noqa: ASYNC110 — the program has no event for it
                await asyncio.sleep(0.05)
        broken: list[int] = []
        readers = [
            asyncio.create_task(_follow(url, token, order_id, broken)) for _ in range(_READERS)
        ]
        for number in range(_TOTAL):
            await append_entries(database, order_id, 1)
            await asyncio.sleep(0.01)
            if number == _TOTAL // 2:
                os.kill(_forks(parent)[0], signal.SIGKILL)
        async with asyncio.timeout(60):
            for seen in await asyncio.gather(*readers):
                assert seen == list(range(1, _TOTAL + 2))
    assert broken  # somebody was at the process that was killed
