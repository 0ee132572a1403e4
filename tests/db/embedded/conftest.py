"""A cluster is made once: the tests that leave it in order share it, the others copy it."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.embedded.programs import (
    Installation,
    find_installations,
    make_reachable,
    server_account,
)

_DEADLINE_SECONDS = 20.0
_CACHE = Path("/var/cache/axon-factory")

# Starts a server on the folder given, says "pid dsn", then lives until it is killed.
_HOLDER = """
import asyncio, sys
from pathlib import Path
from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.embedded.programs import server_account
from axon_factory.db.embedded.programs import Installation, find_installations, make_reachable

async def main():
    async with EmbeddedPostgres(Path(sys.argv[1])) as server:
        print(server.pid, server.dsn, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


class Helpers:
    """What the tests of this folder share."""

    @staticmethod
    async def programs(*, oldest: bool = False) -> Installation:
        """The wheel's programs, where the server's user can run them."""
        found = (await find_installations(None))[-1 if oldest else 0]
        return await make_reachable(found, server_account(Path("/no/cluster")), _CACHE)

    @staticmethod
    async def until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "what was waited for did not happen"
            await asyncio.sleep(0.02)

    @staticmethod
    def query(dsn: str, statement: str) -> list[tuple]:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @classmethod
    def answers(cls, dsn: str) -> bool:
        try:
            return cls.query(dsn, "SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    @classmethod
    def is_running(cls, dsn: str, statement: str) -> bool:
        states = cls.query(dsn, "SELECT query FROM pg_stat_activity WHERE state = 'active'")
        return (statement,) in states

    @staticmethod
    def alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    @staticmethod
    def program(pid: int) -> Path:
        return Path(Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0])

    @staticmethod
    def python(*arguments: str, **options: object) -> subprocess.Popen:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.Popen([sys.executable, *arguments], env=environment, **options)

    @classmethod
    def hold(cls, data_dir: Path) -> tuple[subprocess.Popen, int, str]:
        """Start a server in a process of its own; return that process, the server's pid and dsn."""
        process = cls.python("-c", _HOLDER, str(data_dir), stdout=subprocess.PIPE, text=True)
        pid, dsn = process.stdout.readline().split()
        return process, int(pid), dsn


@pytest.fixture(scope="session")
def helpers() -> type[Helpers]:
    return Helpers


@pytest.fixture(scope="session")
async def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder that has been started before; leave it usable.

    When root runs the tests it is below folders that nobody else may enter.
    """
    folder = tmp_path_factory.mktemp("made") / "data"
    async with EmbeddedPostgres(folder):
        pass
    return folder


@pytest.fixture
def own_data_dir(data_dir: Path, tmp_path: Path) -> Iterator[Path]:
    """Return a copy that may be spoilt; root's copy belongs to root, as a restored backup would."""
    yield Path(shutil.copytree(data_dir, tmp_path / "data"))
    shutil.rmtree(tmp_path)


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """Return an empty folder that every user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def sleepers() -> Iterator[Callable[..., int]]:
    """Start unrelated processes and see to it that they live to the end of the test."""
    started: list[subprocess.Popen] = []

    def start(uid: int | None = None) -> int:
        started.append(subprocess.Popen(["sleep", "300"], user=uid))
        return started[-1].pid

    yield start
    survived = [process.poll() is None for process in started]
    for process in started:
        process.kill()
        process.wait()
    assert all(survived), "an unrelated process was ended"
